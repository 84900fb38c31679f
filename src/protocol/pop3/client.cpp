#include "protocol/pop3/client.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "io/loop.h"
#include "message/dots.h"
#include "protocol/pop3/writer.h"

namespace angarium::protocol::pop3 {
namespace {

/// Errors that come from -ERR: the session goes on after them.
bool is_refusal(const Error& error) {
  return error.is(kRefused) || error.is(kInUse) || error.is(kLoginDelay) || error.is(kTemporary) ||
         error.is(kNeedsUtf8) || error.is(sasl::kBadCredentials);
}

}  // namespace

Error error_of(const Status& status) {
  std::string text = "the server says: " + escape_controls(status.text, 200);
  switch (status.code) {
    case Code::in_use: return {kInUse, std::move(text)};
    case Code::login_delay: return {kLoginDelay, std::move(text)};
    case Code::sys_temp: return {kTemporary, std::move(text)};
    case Code::auth: return {sasl::kBadCredentials, std::move(text)};
    case Code::utf8: return {kNeedsUtf8, std::move(text)};
    case Code::sys_perm:
    case Code::none: break;
  }
  return {kRefused, std::move(text)};
}

void Client::restart_deadline() { connection_->set_deadline(io::Loop::current().now() + options_.timeout); }

io::Task<Result<std::string_view>> Client::next_line() {
  restart_deadline();
  for (;;) {
    const std::optional<wire::Line> line = CO_TRY(input_.take_line(kSaslLineMax + kResponseLineMax));
    if (line) co_return line->text;
    CO_TRY(co_await output_.flush(*connection_));
    CO_TRY(co_await input_.more(*connection_));
  }
}

io::Task<Result<std::string_view>> Client::answer() {
  const std::string_view line = CO_TRY(co_await next_line());
  const Status status = CO_TRY(parse_status(line));
  if (status.kind == Status::Kind::challenge) co_return fail(kBadReply, "a challenge that nobody asked for");
  if (status.kind == Status::Kind::error) co_return std::unexpected(error_of(status));
  co_return status.text;
}

io::Task<Result<std::string_view>> Client::command(std::string_view line) {
  output_.append(line);
  output_.append("\r\n");
  co_return co_await answer();
}

io::Task<Result<std::optional<std::string_view>>> Client::next_entry() {
  std::string_view line = CO_TRY(co_await next_line());
  if (line == ".") co_return std::optional<std::string_view>();
  if (line.starts_with('.')) line.remove_prefix(1);
  co_return std::optional(line);
}

io::Task<Result<>> Client::greeting() {
  const std::string_view text = CO_TRY(co_await answer());
  timestamp_ = find_timestamp(text);
  co_return Result<>();
}

io::Task<Result<>> Client::capa() {
  capabilities_.clear();
  asked_ = Asked::yes;
  const auto status = co_await command("CAPA");
  if (!status && is_refusal(status.error())) co_return Result<>();
  if (!status) co_return std::unexpected(status.error());
  for (;;) {
    const auto line = CO_TRY(co_await next_entry());
    if (!line) co_return Result<>();
    if (capabilities_.size() == kCapabilitiesMax) co_return fail(kBadReply, "capabilities without end");
    capabilities_.push_back(CO_TRY(parse_capability(*line)));
  }
}

const Capability* Client::capability(std::string_view keyword) const {
  const auto found = std::ranges::find_if(
      capabilities_, [&](const Capability& one) { return equals_ignore_case(one.keyword, keyword); });
  return found == capabilities_.end() ? nullptr : &*found;
}

io::Task<Result<>> Client::stls() {
  CO_TRY(co_await command("STLS"));
  // RFC 2595 §4: what was learned in plain is forgotten.
  timestamp_.clear();
  const auto dropped = input_.empty() ? co_await connection_->start_tls(input_) : Result<std::size_t>(input_.size());
  if (!dropped) co_return std::unexpected(dropped.error());
  if (*dropped == 0) co_return co_await capa();
  connection_->close();
  co_return fail(kInjected, "octets stood between the server's agreement to TLS and the handshake");
}

io::Task<Result<>> Client::utf8() {
  CO_TRY(co_await command("UTF8"));
  co_return Result<>();
}

io::Task<Result<Stat>> Client::stat() {
  const std::string_view text = CO_TRY(co_await command("STAT"));
  std::string_view rest = text;
  const auto messages = parse_number<std::uint64_t>(take_until(rest, ' '));
  const auto octets = parse_number<std::uint64_t>(take_until(rest, ' '));
  if (!messages || !octets) co_return fail(kBadReply, "not an answer to STAT: " + escape_controls(text, 100));
  co_return Stat{*messages, *octets};
}

io::Task<Result<std::vector<Listed>>> Client::list() {
  CO_TRY(co_await command("LIST"));
  std::vector<Listed> result;
  for (;;) {
    const auto line = CO_TRY(co_await next_entry());
    if (!line) co_return result;
    if (result.size() == kListingMax) co_return fail(kBadReply, "a listing without end");
    const ListingLine entry = CO_TRY(parse_listing(*line));
    const std::uint64_t octets = CO_TRY(parse_size(entry.rest));
    result.push_back({entry.number, octets});
  }
}

io::Task<Result<std::vector<Unique>>> Client::uidl() {
  CO_TRY(co_await command("UIDL"));
  std::vector<Unique> result;
  for (;;) {
    const auto line = CO_TRY(co_await next_entry());
    if (!line) co_return result;
    if (result.size() == kListingMax) co_return fail(kBadReply, "a listing without end");
    const ListingLine entry = CO_TRY(parse_listing(*line));
    const std::string_view id = CO_TRY(parse_unique_id(entry.rest));
    result.push_back({entry.number, std::string(id)});
  }
}

io::Task<Result<>> Client::receive_body(MessageSink& sink) {
  message::DotReader dots;
  std::size_t unpaced = 0;
  restart_deadline();
  for (;;) {
    std::string_view octets = input_.view();
    const std::size_t before = octets.size();
    while (!octets.empty() && !dots.ended()) CO_TRY(co_await sink.append(dots.take(octets)));
    input_.consume(before - octets.size());
    if (dots.ended()) co_return Result<>();
    unpaced += before - octets.size();
    if (unpaced >= kPaceOctets) {
      restart_deadline();
      unpaced = 0;
    }
    CO_TRY(co_await output_.flush(*connection_));
    CO_TRY(co_await input_.more(*connection_));
  }
}

io::Task<Result<>> Client::receive(Number number, MessageSink& sink) {
  const auto status = co_await answer();
  if (!status) {
    if (!is_refusal(status.error())) co_return std::unexpected(status.error());
    co_return sink.refused(number, status.error());
  }
  CO_TRY(sink.begin(number));
  CO_TRY(co_await receive_body(sink));
  co_return co_await sink.end(number);
}

std::size_t Client::window() const {
  return capability("PIPELINING") != nullptr ? std::max<std::size_t>(1, options_.pipeline_max) : 1;
}

io::Task<Result<>> Client::retr(std::span<const Number> numbers, MessageSink& sink) {
  std::size_t asked = 0;
  for (std::size_t received = 0; received < numbers.size(); ++received) {
    for (; asked < numbers.size() && asked - received < window(); ++asked)
      output_.append("RETR " + std::to_string(numbers[asked]) + "\r\n");
    // New commands leave with the next wait; the first ones at once.
    CO_TRY(co_await receive(numbers[received], sink));
  }
  co_return Result<>();
}

io::Task<Result<>> Client::top(Number number, std::uint64_t lines, MessageSink& sink) {
  output_.append("TOP " + std::to_string(number) + ' ' + std::to_string(lines) + "\r\n");
  co_return co_await receive(number, sink);
}

io::Task<Result<>> Client::dele(std::span<const Number> numbers) {
  Result<> outcome;
  std::size_t asked = 0;
  for (std::size_t answered = 0; answered < numbers.size(); ++answered) {
    for (; asked < numbers.size() && asked - answered < window(); ++asked)
      output_.append("DELE " + std::to_string(numbers[asked]) + "\r\n");
    const auto status = co_await answer();
    if (status) continue;
    if (!is_refusal(status.error())) co_return std::unexpected(status.error());
    if (outcome) outcome = std::unexpected(status.error());
  }
  co_return outcome;
}

io::Task<Result<Number>> Client::last() {
  const std::string_view text = CO_TRY(co_await command("LAST"));
  const auto number = parse_number<Number>(text);
  if (!number) co_return fail(kBadReply, "not an answer to LAST: " + escape_controls(text, 100));
  co_return *number;
}

io::Task<Result<>> Client::rset() {
  CO_TRY(co_await command("RSET"));
  co_return Result<>();
}

io::Task<Result<>> Client::noop() {
  CO_TRY(co_await command("NOOP"));
  co_return Result<>();
}

io::Task<Result<>> Client::quit() {
  CO_TRY(co_await command("QUIT"));
  co_return Result<>();
}

}  // namespace angarium::protocol::pop3
