// Emails as readers without UTF-8 get them (DESIGN: one form, its size fixed at acceptance).
#pragma once

#include <memory>

#include "io/task.h"
#include "mailbox/mailbox.h"
#include "message/ascii_form.h"

namespace angarium::mailbox {

using AsciiFormPtr = std::shared_ptr<const message::AsciiForm>;

/// How the ASCII form of an email with an `ascii_size` differs from its octets, prepended fields included. Reads the
/// headers that differ, no more. kDamaged when the form is not of that size.
io::Task<Result<AsciiFormPtr>> ascii_form(AccountMailPtr mail, EmailPtr email);

}  // namespace angarium::mailbox
