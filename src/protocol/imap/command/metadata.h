// The METADATA response, shared with LIST RETURN (METADATA (…)).
#pragma once

#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

/// "* METADATA name (entry value …)" of what the query asks for among `all`; nothing when nothing is left of it. The
/// size of the longest value that was left out for its length.
std::uint64_t append_metadata(Session& session, std::string_view name, const AnnotationQuery& query,
                              const std::vector<Annotation>& all);

/// Whether the special use of a mailbox is among what is asked for (RFC 6154 §4).
bool wants_special_use(const AnnotationQuery& query);
/// Puts the entry of a mailbox with these name attributes among its annotations.
void add_special_use(std::vector<Annotation>& all, std::uint32_t attributes);

}  // namespace angarium::protocol::imap::command
