#include "protocol/smtp/client.h"

#include <utility>

#include "base/text.h"
#include "io/error.h"
#include "io/loop.h"

namespace angarium::protocol::smtp {
namespace {

std::string in_words(const Reply& reply) { return std::to_string(reply.code) + " " + escape_controls(reply.text, 200); }

std::unexpected<Error> refused_by(const Reply& reply, std::string_view what) {
  return fail(reply.transient() ? kRefusedNow : kRefusedForGood,
              std::string(what) + " was refused: " + in_words(reply));
}

}  // namespace

Client::Client(wire::Connection& connection, ClientOptions options)
    : connection_(&connection), options_(std::move(options)) {}

void Client::write_line(std::string_view line) {
  output_.append(line);
  output_.append("\r\n");
}

void Client::lose() {
  closed_ = true;
  output_.clear();
  connection_->close();
}

io::Task<Result<>> Client::flush(Duration wait) {
  connection_->set_deadline(io::Loop::current().now() + wait);
  Result<> sent = co_await output_.flush(*connection_);
  closed_ |= !sent;
  co_return sent;
}

io::Task<Result<Reply>> Client::read_reply(Duration wait) {
  if (farewell_.code != 0) co_return farewell_;
  connection_->set_deadline(io::Loop::current().now() + wait);
  ReplyReader reader;
  for (;;) {
    Result<std::optional<wire::Line>> line = input_.take_line(kReplyLineMax);
    if (!line) {
      closed_ = true;
      co_return fail(kReplyTooLong, "a line of the server's reply is too long");
    }
    if (*line) {
      Result<ReplyReader::Progress> progress = reader.line((*line)->text);
      closed_ |= !progress;
      if (CO_TRY(std::move(progress)) == ReplyReader::Progress::more) continue;
      Reply reply = reader.take();
      if (reply.code == 421) {  // RFC 5321 §3.8: may answer any command
        closed_ = true;
        farewell_ = reply;
      }
      if (reply.code == 221) {  // only QUIT has this answer; it accepts nothing
        closed_ = goodbye_ = true;
        co_return fail(kBadReply, "the server said goodbye: " + in_words(reply));
      }
      co_return reply;
    }
    Result<io::Ready> ready = co_await input_.more(*connection_);
    closed_ |= !ready;
    CO_TRY(std::move(ready));
  }
}

io::Task<Result<Reply>> Client::read_final(Duration wait) {
  Reply reply = CO_TRY(co_await read_reply(wait));
  if (!reply.intermediate()) co_return reply;
  lose();
  co_return fail(kBadReply, "the server wants more where there is none: " + in_words(reply));
}

io::Task<Result<Reply>> Client::ask(std::string_view line, Duration wait) {
  write_line(line);
  CO_TRY(co_await flush(wait));
  co_return co_await read_final(wait);
}

io::Task<Result<>> Client::still_there() {
  if (closed_) co_return fail(kOver, "the connection is over");
  const Result<std::size_t> arrived = input_.fill(*connection_);
  if (arrived && input_.empty()) co_return Result<>();
  const Result<Reply> said = co_await read_reply(options_.times.quit);
  lose();
  const std::string words = said ? in_words(*said) : said.error().text();
  const bool farewell = said ? said->code == 421 : goodbye_;
  const bool lost = !said && (said.error().is(io::kEndOfStream) || said.error().is(io::kReset));
  if (used_ && (farewell || lost)) co_return fail(kOver, "the server ended the connection: " + words);
  if (farewell) co_return fail(kRefusedNow, "the server ended the connection: " + words);
  if (lost) co_return std::unexpected(said.error());
  co_return fail(kBadReply, "the server said what nobody asked for: " + words);
}

io::Task<Result<Reply>> Client::converse(std::string_view line, Duration wait) {
  write_line(line);
  CO_TRY(co_await flush(wait));
  co_return co_await read_reply(wait);
}

io::Task<Result<Reply>> Client::command(std::string_view line) {
  co_return co_await converse(line, options_.times.mail);
}

io::Task<Result<>> Client::open() {
  greeting_ = CO_TRY(co_await read_final(options_.times.greeting));
  if (!greeting_.completed()) co_return refused_by(greeting_, "the connection");
  co_return co_await hello();
}

io::Task<Result<>> Client::hello() {
  extensions_ = {};
  const bool lmtp = options_.dialect == Dialect::lmtp;
  const Duration wait = options_.times.hello;
  Reply reply = CO_TRY(co_await ask((lmtp ? "LHLO " : "EHLO ") + options_.name, wait));
  if (reply.completed()) {
    extensions_ = parse_extensions(reply.text);
    co_return Result<>();
  }
  // RFC 5321 §3.2: an old server knows HELO only. A temporary refusal is none of that kind.
  if (lmtp || closed_ || reply.transient()) co_return refused_by(reply, "our name");
  reply = CO_TRY(co_await ask("HELO " + options_.name, wait));
  if (!reply.completed()) co_return refused_by(reply, "our name");
  co_return Result<>();
}

io::Task<Result<>> Client::start_tls() {
  if (!extensions_.starttls) co_return fail(kRefusedForGood, "the server does not offer STARTTLS");
  const Reply reply = CO_TRY(co_await ask("STARTTLS", options_.times.hello));
  if (!reply.completed()) co_return refused_by(reply, "STARTTLS");
  if (reply.code != 220) {  // RFC 3207 §4: nobody knows what the server does now
    lose();
    co_return fail(kBadReply, "the server answered STARTTLS with " + in_words(reply));
  }
  Result<std::size_t> dropped = co_await connection_->start_tls(input_);
  closed_ |= !dropped;
  if (CO_TRY(std::move(dropped)) > 0) {
    closed_ = true;
    co_return fail(kInjected, "plain octets came behind the reply to STARTTLS");
  }
  authenticated_ = false;
  co_return co_await hello();
}

io::Task<Result<>> Client::reset() {
  const Reply reply = CO_TRY(co_await ask("RSET", options_.times.mail));
  if (!reply.completed()) co_return refused_by(reply, "RSET");
  co_return Result<>();
}

io::Task<Result<Reply>> Client::atrn() {
  Reply reply = CO_TRY(co_await ask("ATRN", options_.times.atrn));
  if (!reply.completed()) co_return reply;
  if (!input_.empty()) {
    lose();
    co_return fail(kBadReply, "the server spoke before it was greeted");
  }
  closed_ = true;
  co_return reply;
}

io::Task<> Client::quit() {
  if (!closed_) {
    (void)co_await converse("QUIT", options_.times.quit);
    (void)connection_->shutdown_write();
  }
  closed_ = true;
  connection_->close();
}

}  // namespace angarium::protocol::smtp
