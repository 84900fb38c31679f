// The METADATA response, shared with LIST RETURN (METADATA (…)).
#pragma once

#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

/// "* METADATA name (entry value …)" of what the query asks for among `all`; nothing when nothing is left of it. The
/// size of the longest value that was left out for its length.
std::uint64_t append_metadata(Session& session, std::string_view name, const AnnotationQuery& query,
                              const std::vector<Annotation>& all);

}  // namespace angarium::protocol::imap::command
