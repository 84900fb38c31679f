#include "protocol/pop3/command/listing.h"

#include "protocol/pop3/writer.h"

namespace angarium::protocol::pop3 {
namespace {

/// Lines between two looks at how much is unsent.
constexpr std::size_t kLinesAtOnce = 1024;

void append_line(Session& session, std::size_t index, AppendEntry append, std::string& to) {
  append_number(to, index + 1);
  to += ' ';
  append(session.maildrop->body(), index, to);
  to += "\r\n";
}

io::Task<Result<>> all(Session& session, AppendEntry append) {
  std::string& status = session.output.text();
  status += "+OK ";
  append_number(status, session.maildrop->left());
  status += " messages\r\n";
  for (std::size_t index = 0; index < session.maildrop->count();) {
    std::string& text = session.output.text();
    for (std::size_t i = 0; i < kLinesAtOnce && index < session.maildrop->count(); ++i, ++index)
      if (!session.maildrop->deleted(index)) append_line(session, index, append, text);
    CO_TRY(co_await session.room());
  }
  session.output.append(".\r\n");
  co_return Result<>();
}

}  // namespace

Answer answer_listing(Session& session, Parameters parameters, AppendEntry append) {
  if (parameters.end()) return all(session, append);
  const auto number = parameters.require_number();
  const auto index = number ? session.maildrop->find(*number) : Result<std::size_t>(std::unexpected(number.error()));
  if (!index) {
    session.refuse(index.error());
    return Result<>();
  }
  if (const auto end = parameters.end(); !end) {
    session.refuse(end.error());
    return Result<>();
  }
  std::string& text = session.output.text();
  text += "+OK ";
  append_line(session, *index, append, text);
  return Result<>();
}

}  // namespace angarium::protocol::pop3
