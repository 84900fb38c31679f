#include "protocol/pop3/writer.h"

#include <charconv>

#include "base/text.h"
#include "wire/saslsec/desk.h"

namespace angarium::protocol::pop3 {

void write_ok(std::string& out, std::string_view text) {
  out += "+OK";
  if (!text.empty()) {
    out += ' ';
    out += text;
  }
  out += "\r\n";
}

void write_error(std::string& out, Code code, std::string_view text) {
  out += "-ERR";
  if (code != Code::none) {
    out += " [";
    out += to_text(code);
    out += ']';
  }
  if (!text.empty()) {
    out += ' ';
    // Escaping makes at most eight octets of the last one, and "...".
    out += escape_controls(text, kResponseLineMax - 64);
  }
  out += "\r\n";
}

void write_challenge(std::string& out, std::string_view octets) {
  out += "+ ";
  out += to_base64(octets);
  out += "\r\n";
}

void append_number(std::string& out, std::uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

Refusal refusal_for(const Error& error) {
  // RFC 3206 §4: AUTH only where other credentials would help, so that clients ask for a password only then.
  if (error.is(sasl::kBadCredentials)) return {Code::auth, "the user name or password is wrong"};
  if (error.is(wire::saslsec::kTransition)) return {Code::auth, error.text()};
  if (error.is(sasl::kNotAuthorized)) return {Code::auth, "you may not act as this user"};
  if (error.is(sasl::kSecondFactor) || error.is(sasl::kOutOfScope)) return {Code::auth, error.text()};
  if (error.is(kInUse)) return {Code::in_use, error.text()};
  if (error.is(kLoginDelay)) return {Code::login_delay, error.text()};
  if (error.is(kNeedsUtf8)) return {Code::utf8, error.text()};
  if (error.fault() == Fault::user && error.temporary()) return {Code::sys_temp, error.text()};
  if (error.fault() == Fault::user || error.fault() == Fault::syntax) return {Code::none, error.text()};
  if (error.temporary()) return {Code::sys_temp, "not possible now, try again later"};
  return {Code::sys_perm, "the server failed; the incident has been logged"};
}

}  // namespace angarium::protocol::pop3
