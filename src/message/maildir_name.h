// File names of Maildir (D. J. Bernstein, https://cr.yp.to/proto/maildir.html) and of Maildir++: "unique,S=octets,
// W=octets:2,flags". Names only; files and folders are the caller's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "message/box_state.h"

namespace angarium::message {

/// Octets of a name: NAME_MAX of the file systems.
inline constexpr std::size_t kMaildirNameMax = 255;

/// A name taken apart. The views look into it.
struct MaildirName {
  /// All before the info: this names the message for as long as it lives, its flags do not.
  std::string_view base;
  std::optional<std::uint64_t> size;          ///< S=: octets of the file
  std::optional<std::uint64_t> virtual_size;  ///< W=: octets with every line end as CR LF
  BoxFlags flags = 0;                         ///< kBoxOld is no part of names: it is the folder cur
  /// "a" to "z" of Dovecot, that its file dovecot-keywords explains, in the order of the name.
  std::string_view keywords;
  /// Info of a kind other than "2,", or what stands after the flags and a comma.
  std::string_view other_info;
};

/// Nothing for what cannot be a message: an empty name, one that begins with a dot, holds '/' or NUL or is longer
/// than kMaildirNameMax. Flags nobody knows are left out; sizes that are no numbers are no sizes.
std::optional<MaildirName> parse_maildir_name(std::string_view name);

/// `base` with info: ":2," and flags in ASCII order, then `keywords` ('a' to 'z', sorted, each once). For the folder
/// cur; in new a message has its base only. Any other info of the old name goes: it has no form beside the flags.
std::string format_maildir_name(std::string_view base, BoxFlags flags, std::string_view keywords = {});

/// What makes a name that nobody else makes.
struct MaildirUnique {
  WallTime time;
  std::uint64_t process = 0;
  std::uint64_t delivery = 0;  ///< counts up in the process
  std::uint64_t random = 0;
  std::string_view host;
  std::optional<std::uint64_t> size;
  std::optional<std::uint64_t> virtual_size;
};
/// "1204680122.M27908P1Q2R00000000deadbeef.host,S=1,W=2"; '/' and ':' of the host as "\057" and "\072", other octets
/// that are not printable ASCII as "_"; the host is cut so that the name with all its flags fits kMaildirNameMax.
std::string make_maildir_base(const MaildirUnique& unique);

}  // namespace angarium::message
