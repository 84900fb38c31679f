// Names of mailboxes as other programs keep them in file names, and as they are here.
#pragma once

#include <string>
#include <string_view>

#include "mailbox/mailbox.h"

namespace angarium::transfer {

/// One level of a name of ours from octets of a file name: modified UTF-7 (RFC 3501 §5.1.3) where they are that, else
/// UTF-8; octets that are neither, and those a name may not have, become '_'. Never empty, at most
/// mailbox::kLevelMax octets.
std::string level_from(std::string_view octets);

/// The same of octets that are no modified UTF-7.
std::string level_of(std::string octets);

/// Files that mail programs keep beside mail, and that hold none: they are no boxes.
bool is_control_file(std::string_view name);

/// The special use that goes by this name in other programs, in a few languages; none for all others. Whole names:
/// "Sent Items", "[Gmail]/Spam".
mailbox::SpecialUse use_of(std::string_view name);

/// "work" below "old" is "old/work"; below nothing, itself. INBOX below something is that.
std::string below(std::string_view parent, std::string_view name);

}  // namespace angarium::transfer
