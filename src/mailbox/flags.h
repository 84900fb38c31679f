// System flags and keywords of a message (RFC 9051 §2.3.2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mailbox/limits.h"

namespace angarium::mailbox {

/// Bits of the system flags. \Recent is no flag of a message but of a session.
using SystemFlags = std::uint16_t;
inline constexpr SystemFlags kSeen = 1;
inline constexpr SystemFlags kAnswered = 2;
inline constexpr SystemFlags kFlagged = 4;
inline constexpr SystemFlags kDeleted = 8;
inline constexpr SystemFlags kDraft = 16;
inline constexpr SystemFlags kSystemFlagsAll = 31;

/// Keywords of a message as indexes into its mailbox's KeywordTable: 64 in place, more by spill.
struct KeywordSet {
  std::uint64_t low = 0;            ///< bit i: keyword i is set
  std::vector<std::uint16_t> high;  ///< the set ones from 64 on, ascending

  [[nodiscard]] bool empty() const { return low == 0 && high.empty(); }
  [[nodiscard]] bool contains(std::uint16_t index) const;
  void insert(std::uint16_t index);
  void insert(const KeywordSet& other);
  void erase(const KeywordSet& other);
  template <class F>
  void for_each(F&& each) const {
    for (std::uint16_t i = 0; i < 64; ++i)
      if (low >> i & 1) each(i);
    for (const std::uint16_t i : high) each(i);
  }
  friend bool operator==(const KeywordSet&, const KeywordSet&) = default;
};

/// The keywords of one mailbox, by the indexes its messages have them under. Immutable once shared; the index of a
/// keyword that no message has any more may mean another in a later table. Names differ without regard to ASCII case
/// and keep the first writer's spelling.
class KeywordTable {
 public:
  [[nodiscard]] std::optional<std::uint16_t> find(std::string_view name) const;
  [[nodiscard]] const std::string& name(std::uint16_t index) const { return names_[index]; }
  [[nodiscard]] std::size_t size() const { return names_.size(); }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  /// An index for one more keyword: the first gap; nothing when there are kKeywordsMax.
  [[nodiscard]] std::optional<std::uint16_t> vacancy() const;
  /// Sets entry `index`; gaps are filled with empty names that find() never gives.
  void set(std::uint16_t index, std::string_view name);

 private:
  std::vector<std::string> names_;
};

/// atom of RFC 9051 §9, 1-kKeywordMax octets, without "\" in front.
bool valid_keyword(std::string_view name);

/// Flags by name, as commands give them.
struct FlagNames {
  SystemFlags system = 0;
  std::vector<std::string> keywords;
};

enum class FlagMode : std::uint8_t { replace, add, remove };

/// What a STORE asks for (RFC 9051 §6.4.6).
struct FlagChange {
  FlagMode mode = FlagMode::replace;
  SystemFlags system = 0;
  KeywordSet keywords;
};

/// The same by name.
struct FlagRequest {
  FlagMode mode = FlagMode::replace;
  FlagNames flags;
};

}  // namespace angarium::mailbox
