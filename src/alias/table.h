// The aliases of a host: the file of aliases(5) as a table.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "alias/target.h"
#include "base/result.h"

namespace angarium::alias {

/// Octets of an aliases file; a hundred thousand aliases are some 5 MB.
inline constexpr std::size_t kAliasesMax = 16u << 20;
/// Octets of a name (RFC 5321 §4.5.3.1.1 has 64; envelope::PathOptions takes 255).
inline constexpr std::size_t kAliasNameMax = 255;

inline constexpr ErrorKind kTooLarge{"alias.too-large", Fault::user, Lasting::permanent};

struct Entry {
  std::string name;  ///< lower case
  std::vector<Target> targets;
  std::size_t line = 0;
};

/// Immutable; safe from any thread.
class Table {
 public:
  /// `name: target, target …`. A name is a local part; one with blanks or ":", "#" stands in quotes. A line that is no
  /// entry is left out and told; of a name that is there twice the first counts. kTooLarge.
  static Result<Table> parse(std::string_view text);

  /// Without regard to case; null when there is none.
  [[nodiscard]] const Entry* find(std::string_view name) const;
  /// The alias "owner-NAME", where reports about mail to NAME go; null without one, and for owners themselves.
  [[nodiscard]] const Entry* owner_of(std::string_view name) const;
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }  ///< in order of their names
  [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }

 private:
  std::vector<Entry> entries_;
  std::vector<Finding> findings_;
};

}  // namespace angarium::alias
