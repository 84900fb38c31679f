// What the letters "a" to "z" in names of a Maildir's files mean: Dovecot's file dovecot-keywords, a line "0 name"
// each.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "delivery/delivery.h"
#include "delivery/mbox_lock.h"

namespace angarium::box {

/// Letters for keywords.
inline constexpr std::size_t kMaildirKeywordsMax = 26;
/// Octets of the file: 26 lines of any sane length. What is larger cannot be read.
inline constexpr std::size_t kKeywordTableMax = std::size_t{64} << 10;

struct KeywordTable {
  std::vector<std::string> names = std::vector<std::string>(kMaildirKeywordsMax);  ///< by letters; empty: free
  std::int64_t changed_s = 0;  ///< the file's time in seconds, by which Dovecot tells that it is another one
  unsigned mode = 0;           ///< of the file
  std::uint32_t group = 0;     ///< of the file
  enum class There : std::uint8_t {
    table,
    nothing,
    no_table,  ///< no regular file, or one that is too large: nobody knows what letters mean
  };
  There there = There::nothing;
};
/// Without a table: no names. kHost: nobody knows what lies there now.
Result<KeywordTable> read_keyword_table(const std::string& maildir);
/// Whether Dovecot keeps its numbers, and so its table, in the Maildir: with CONTROL= they lie elsewhere, and a table
/// that is made in the Maildir names letters that Dovecot calls otherwise. kHost.
Result<bool> has_numbers(const std::string& maildir);

/// Who holds it may name letters and give them to messages. It is the lock that Dovecot takes for a Maildir's numbers
/// and names (dovecot-uidlist.lock; the table has none of its own): whoever read the names under it finds them true
/// until it ends. Threads of this process exclude each other, too.
class KeywordTableLock {
 public:
  /// kHost: somebody else had it for delivery::kLockWait.
  static Result<std::unique_ptr<KeywordTableLock>> take(const std::string& maildir,
                                                        const delivery::Surroundings& surroundings);
  /// Puts a table in the place of `old`, durably. kHost: another program took the lock for stale meanwhile, or the host
  /// did not do; then the old one is there, or the new one and a host that may lose it.
  Result<> replace(const KeywordTable& old, const std::vector<std::string>& names);

 private:
  /// Of the Maildir, among the threads of this process.
  class Claim {
   public:
    static std::optional<Claim> take(const std::string& maildir);
    Claim(Claim&& other) noexcept : maildir_(std::exchange(other.maildir_, {})) {}
    Claim& operator=(Claim&&) = delete;
    ~Claim();

   private:
    explicit Claim(std::string maildir) : maildir_(std::move(maildir)) {}
    std::string maildir_;
  };

  KeywordTableLock(Claim claim, const std::string& maildir, const delivery::Surroundings& surroundings,
                   Descriptor folder);
  static Result<std::unique_ptr<KeywordTableLock>> try_take(const std::string& maildir,
                                                            const delivery::Surroundings& surroundings);
  Result<> write(const Descriptor& file, const KeywordTable& old, const std::vector<std::string>& names);

  Claim claim_;  ///< ends behind the lock file
  std::string maildir_;
  delivery::Surroundings surroundings_;
  Descriptor folder_;
  delivery::DotFile dot_file_;
};

}  // namespace angarium::box
