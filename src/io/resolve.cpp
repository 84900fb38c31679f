#include "io/resolve.h"

#include "base/text.h"

namespace angarium::io {

std::string_view record_type_name(RecordType type) {
  switch (type) {
    case RecordType::a: return "A";
    case RecordType::cname: return "CNAME";
    case RecordType::ptr: return "PTR";
    case RecordType::mx: return "MX";
    case RecordType::txt: return "TXT";
    case RecordType::aaaa: return "AAAA";
    case RecordType::srv: return "SRV";
    case RecordType::tlsa: return "TLSA";
  }
  return "?";
}

std::string_view trouble_name(Trouble trouble) {
  switch (trouble) {
    case Trouble::none: return "none";
    case Trouble::timed_out: return "timed-out";
    case Trouble::server_failure: return "server-failure";
    case Trouble::bogus: return "bogus";
    case Trouble::malformed: return "malformed";
    case Trouble::busy: return "busy";
  }
  return "?";
}

Answer no_answer(Trouble trouble, std::string reason) {
  return {.outcome = Outcome::temporary, .trouble = trouble, .reason = std::move(reason)};
}

Result<void> check_name(std::string_view name) {
  auto bad = [&](std::string_view why) {
    return fail(kBadName, "'" + escape_controls(name, 64) + "' is no name of the DNS: " + std::string(why));
  };
  if (name == ".") return {};
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty()) return bad("it is empty");
  if (name.size() > kNameMax) return bad("longer than 253 octets (RFC 1035 §2.3.4)");
  for (bool more = true; more;) {
    more = name.find('.') != std::string_view::npos;
    const auto label = take_until(name, '.');
    if (label.empty()) return bad("an empty label");
    if (label.size() > kNameLabelMax) return bad("a label longer than 63 octets (RFC 1035 §2.3.4)");
    for (const char c : label)
      if (c <= ' ' || c == 127 || !is_ascii(c) || c == '\\') return bad("an octet that is no printable ASCII");
  }
  return {};
}

}  // namespace angarium::io
