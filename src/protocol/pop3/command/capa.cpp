#include "protocol/pop3/session.h"
#include "protocol/pop3/writer.h"

namespace angarium::protocol::pop3 {

// RFC 2449 §5, CAPA. What is offered in AUTHORIZATION is announced in TRANSACTION as well, but for STLS (RFC 2595 §4:
// "present and permitted in the current state").
Answer capa(Session& session, Parameters) {
  const ServerOptions& options = session.options;
  session.ok("capabilities follow");
  std::string& text = session.output.text();
  text += "TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n";
  if (session.plaintext_allowed()) text += "USER\r\n";
  if (const auto mechanisms = session.offered_mechanisms(); !mechanisms.empty()) {
    text += "SASL";
    for (const sasl::Mechanism* one : mechanisms) {
      text += ' ';
      text += one->name;
    }
    text += "\r\n";
  }
  if (session.state == State::authorization && session.connection().can_start_tls()) text += "STLS\r\n";
  if (options.login_delay_s > 0) {
    text += "LOGIN-DELAY ";
    append_number(text, options.login_delay_s);
    text += "\r\n";
  }
  text += "EXPIRE ";
  if (options.expire_days) {
    append_number(text, *options.expire_days);
  } else {
    text += "NEVER";
  }
  text += "\r\nUTF8 USER\r\nLANG\r\n";
  if (!options.implementation.empty()) text += "IMPLEMENTATION " + options.implementation + "\r\n";
  text += ".\r\n";
  return Result<>();
}

}  // namespace angarium::protocol::pop3
