// A row of LIST, shared with the commands that tell of one mailbox unasked.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

/// What is known of one name while a LIST is answered.
struct KnownName {
  std::uint32_t attributes = 0;
  Rights rights = 0;
  bool exists = false;          ///< a row of the account, or implied by an inferior one
  bool selected_below = false;  ///< an inferior name meets the selection options
  bool untold_below = false;    ///< … and is not told itself
};
using KnownNames = std::map<std::string, KnownName, std::less<>>;

/// With the superior names that the account does not keep.
KnownNames gather_names(std::vector<NameRow> rows);

/// The line of a name whose existence, name or subscription changed (RFC 5465 §5.4, §5.5): \NonExistent for one that is
/// not there, OLDNAME where it had another.
void append_listed(Session& session, const KnownNames& names, std::string_view name, std::string_view old_name);

/// The whole line "* LIST (…) "/" name" as LIST shows it, with OLDNAME when the client wrote the name otherwise
/// (RFC 9051 §6.3.9.7). Empty when there is no such name.
io::Task<Result<std::string>> listed(Session& session, std::string_view name, std::string_view written);

/// The mailbox name that comes next, as the client wrote it; the parser stays where it is.
std::string name_as_written(Parser parser);

}  // namespace angarium::protocol::imap::command
