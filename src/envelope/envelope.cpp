#include "envelope/envelope.h"

#include <algorithm>

namespace angarium::envelope {

Result<Sender> parse_sender(std::string_view text, const PathOptions& options) {
  const std::string_view path = take_path(text, options);
  Sender sender{TRY(parse_reverse_path(path, options)), {}};
  sender.parameters = TRY(parse_mail_parameters(text, options));
  if (sender.path.mailbox && sender.path.mailbox->needs_utf8() && !sender.parameters.smtputf8) {
    return fail(kUtf8NotAllowed, "address needs the parameter SMTPUTF8");
  }
  return sender;
}

Result<Recipient> parse_recipient(std::string_view text, const PathOptions& options) {
  const std::string_view path = take_path(text, options);
  Recipient recipient{TRY(parse_forward_path(path, options)), {}};
  recipient.parameters = TRY(parse_rcpt_parameters(text, options));
  return recipient;
}

bool needs_utf8(const Envelope& envelope) {
  const auto& sender = envelope.sender.path.mailbox;
  return (sender && sender->needs_utf8()) ||
         std::ranges::any_of(envelope.recipients, [](const Recipient& r) { return r.path.mailbox.needs_utf8(); });
}

}  // namespace angarium::envelope
