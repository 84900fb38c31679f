// Which mailboxes a filter of ESEARCH or NOTIFY means (RFC 5465 §6, RFC 7377 §2.2).
#pragma once

#include "protocol/imap/backend.h"

namespace angarium::protocol::imap {

/// Filters for the selected mailbox match none by its name. Whether it can be selected is another question.
bool matches(const MailboxFilter& filter, const NameRow& row, const Namespaces& namespaces);

}  // namespace angarium::protocol::imap
