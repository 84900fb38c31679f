// From an address to where its mail is laid down or sent on: aliases, .forward and :include: files followed to the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alias/source.h"
#include "envelope/path.h"
#include "route/fact.h"

namespace angarium::alias {

/// Aliases, includes and .forward files one below the other.
inline constexpr std::size_t kDepthMax = 16;
/// Destinations of one address.
inline constexpr std::size_t kDestinationsMax = 10'000;
/// Files read by :include: for one address, and octets of each.
inline constexpr std::size_t kIncludesMax = 64;
inline constexpr std::size_t kIncludeMax = 4u << 20;
/// Facts and problems that are kept.
inline constexpr std::size_t kFactsMax = 1000;
inline constexpr std::size_t kProblemsMax = 100;

struct Destination {
  enum class Kind : std::uint8_t {
    mailbox,  ///< of this host when it has no domain: laid down there, without looking at aliases or .forward again
    file,
    pipe,
    discard,  ///< /dev/null
    later,    ///< a user of this host whom nobody can deliver to now; the other copies need not wait for this one
  };
  Kind kind = Kind::mailbox;
  envelope::Mailbox mailbox;
  std::string text;           ///< the file's path, the pipe's command; `later`: why
  std::string enhanced = {};  ///< of `later`: RFC 3463, "4.3.5"
  /// The alias "owner-NAME" that reports go to: a local part for the reverse-path; empty: the reverse-path stays.
  std::string owner;
  /// Whose .forward names a file or pipe, and so with whose rights it is used; empty: the aliases', the site's default.
  std::string user;
  friend bool operator==(const Destination&, const Destination&) = default;
};

/// A recipient that is not among the destinations. Nothing of the address may be delivered while one is temporary: what
/// was delivered already would be again.
struct Problem {
  std::string enhanced;  ///< RFC 3463: "5.4.6"
  std::string text;
  [[nodiscard]] bool temporary() const { return enhanced.starts_with('4'); }
  friend bool operator==(const Problem&, const Problem&) = default;
};

struct Expansion {
  std::vector<Destination> destinations;  ///< each once, in the order in which they were found
  std::vector<Problem> problems;
  route::Facts facts;  ///< each step: for EXPN and the trace
  [[nodiscard]] bool temporary() const;
};

/// What the expander asks of the house around it.
class Household {
 public:
  struct User {
    std::uint32_t uid = 0;
    std::optional<Forward> forward;  ///< read with the user's rights
  };
  virtual ~Household() = default;
  /// Whether names of the domain are those of the aliases and users.
  virtual bool is_here(std::string_view domain) = 0;
  /// Whether mail for the name (in lower case) is laid down without a look at aliases: somebody else knows where it
  /// goes.
  virtual Result<bool> comes_first(const std::string& name) = 0;
  /// Nothing when nobody has the name (in lower case). Temporary errors make temporary problems.
  virtual Result<std::optional<User>> user(const std::string& name) = 0;
};

/// Some files of aliases; of a name that is in several the first counts.
using AliasTables = std::vector<std::shared_ptr<const Aliases>>;

/// `address` without a domain is a name of this host. A name with a detail, "name+detail", counts as it stands if there
/// is an alias of it, else as the name before it. An alias that leads back to itself means the user of its
/// name; without one, the mailbox of the user whose .forward leads back; else it is a loop (5.4.6). Blocks for the
/// files.
Expansion expand(const AliasTables& aliases, Files& files, Household& household, const envelope::Mailbox& address);

}  // namespace angarium::alias
