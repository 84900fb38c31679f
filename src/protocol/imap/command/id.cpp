// ID (RFC 2971).
#include "base/log.h"
#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

io::Task<Result<Reply>> id(Session& session, Command& command) {
  // id-params-list = "(" *(string SP nstring) ")" / nil (RFC 2971 §4)
  auto& parser = command.parser;
  std::string told;
  if (!parser.present("NIL")) {
    CO_TRY(parser.require('('));
    std::size_t fields = 0;
    while (parser.peek() != ')') {
      if (fields++ > 0) CO_TRY(parser.space());
      if (fields > kIdFieldsMax) co_return fail(kSyntax, "Too many fields");
      const auto name = CO_TRY(parser.string());
      CO_TRY(parser.space());
      const auto value = CO_TRY(parser.nstring());
      if (name.size() > kIdNameMax || (value && value->size() > kIdValueMax))
        co_return fail(kSyntax, "Field is too long");
      if (told.size() < kIdValueMax) told += name + "=" + value.value_or("") + " ";
    }
    CO_TRY(parser.require(')'));
  }
  CO_TRY(parser.end());
  log::info("imap", "client", {{"id", told}});
  auto& out = session.text();
  out += "* ID ";
  bool first = true;
  for (const auto& [name, value] : session.options.id) {
    out += first ? '(' : ' ';
    first = false;
    message::append_imap_string(out, name, message::ImapForm::ascii);
    out += ' ';
    message::append_imap_string(out, value, message::ImapForm::ascii);
  }
  out += first ? "NIL\r\n" : ")\r\n";
  co_return done("ID completed");
}

}  // namespace angarium::protocol::imap::command
