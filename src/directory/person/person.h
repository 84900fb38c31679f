// People who are kept by somebody else: what a directory elsewhere is asked, and what it says of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sasl/scram.h"
#include "sasl/secret.h"

namespace angarium::directory {

/// The directory does not answer, or not in time: an outage.
inline constexpr ErrorKind kUnreachable{"directory.unreachable", Fault::dependency, Lasting::temporary};
/// It answers, and refuses what it is asked: a wrong login of ours, a base or a table that is not there.
inline constexpr ErrorKind kRefused{"directory.refused", Fault::dependency, Lasting::temporary};
/// What it says cannot be: two people with one address, a quota that is no number.
inline constexpr ErrorKind kImplausible{"directory.implausible", Fault::dependency, Lasting::temporary};
/// Settings that cannot work.
inline constexpr ErrorKind kInvalid{"directory.invalid", Fault::user, Lasting::permanent};
/// Within these rooms: a connection that was open is no more; another one is worth a try.
inline constexpr ErrorKind kLost{"directory.lost", Fault::dependency, Lasting::temporary};

/// Octets of one value that a directory gives; more is no name, address or hash.
inline constexpr std::size_t kValueMax = 4096;

/// Who is asked for. All in the form in which addresses compare.
struct Asked {
  std::string address;  ///< "anna@example.org"
  std::string user;     ///< "anna"
  std::string domain;   ///< "example.org"
  friend bool operator==(const Asked&, const Asked&) = default;
};
/// Of an address with exactly what stands on each side of its last "@".
Asked asked_for(std::string_view address);

struct Person {
  std::string address;  ///< the one whose mailbox it is; may be another than was asked for: then that one is an alias
  std::string name;     ///< for people
  std::optional<std::uint64_t> quota;  ///< octets; nothing: the directory does not say
  std::string entry{};                 ///< what tells this one from others there (a DN); empty: the address alone
  friend bool operator==(const Person&, const Person&) = default;
};

/// One directory. Every call blocks, within the time that its settings allow: for threads that may wait. Any thread.
/// Errors are temporary: it cannot be told now.
class Source {
 public:
  virtual ~Source() = default;

  struct Check {
    enum class Kind : std::uint8_t { nobody, wrong, right } kind = Kind::nobody;
    Person person;  ///< when right
  };
  /// Nothing when there is nobody.
  virtual Result<std::optional<Person>> find(const Asked& asked) = 0;
  /// The password as SASLprep left it; an empty one is wrong without asking.
  virtual Result<Check> check(const Asked& asked, const sasl::Secret& password) = 0;
  /// What the directory keeps for SCRAM; nothing for nobody, or where it keeps none of this hash.
  virtual Result<std::optional<sasl::ScramKeys>> scram_keys(const Asked& asked, sasl::Hash hash) = 0;
};

}  // namespace angarium::directory
