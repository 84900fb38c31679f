// Emails as readers without UTF-8 get them (DESIGN: one form, its size counted at acceptance).
#pragma once

#include <memory>

#include "io/task.h"
#include "mailbox/mailbox.h"
#include "message/ascii_form.h"

namespace angarium::mailbox {

using AsciiFormPtr = std::shared_ptr<const message::AsciiForm>;

/// How the ASCII form of an email with an `ascii_size` differs from its octets, prepended fields included. Reads the
/// headers that differ, no more. What is sent is announced with the size of this form, `shown(size)`: `ascii_size` was
/// counted by the version that took the email in, and is another one if its headers were put into ASCII otherwise then.
io::Task<Result<AsciiFormPtr>> ascii_form(AccountMailPtr mail, EmailPtr email);

}  // namespace angarium::mailbox
