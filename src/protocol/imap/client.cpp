#include "protocol/imap/client.h"

#include <algorithm>

#include "base/text.h"
#include "io/loop.h"
#include "protocol/imap/mailbox_name.h"
#include "protocol/imap/refusal.h"
#include "protocol/imap/writer.h"

namespace angarium::protocol::imap {
namespace {

using Kind = StatusResponse::Kind;

/// Whether `before` ends where the octets of a message stand: "BODY[…] ", "BINARY[…]<0> ", "RFC822 " of a FETCH.
bool stands_for_content(std::string_view before) {
  if (!before.starts_with("* ") || !before.ends_with(' ')) return false;
  before.remove_prefix(2);
  take_until(before, ' ');
  if (!starts_with_ignore_case(before, "FETCH (")) return false;
  before.remove_suffix(1);
  const auto item = before.substr(before.find_last_of(" (") + 1);
  return item.ends_with(']') || item.ends_with('>') || starts_with_ignore_case(item, "RFC822");
}

}  // namespace

Client::Client(wire::Connection& connection, ClientOptions options) : connection_(&connection), options_(options) {}

std::string Client::next_tag() { return "A" + std::to_string(++tags_); }

std::string Client::mailbox(std::string_view name) const {
  std::string out;
  if (const auto irregular = irregular_.find(std::string(name)); irregular != irregular_.end()) {
    append_astring(out, irregular->second,
                   names_ == NameForm::utf8 ? message::ImapForm::utf8 : message::ImapForm::ascii);
  } else {
    append_mailbox(out, name, names_);
  }
  return out;
}

void Client::start_deadline(std::optional<Moment> until) {
  const auto now = io::Loop::current().now();
  connection_->set_deadline(until.value_or(now + (bye_ ? kByeTimeout : options_.timeout)));
  unpaced_ = 0;
}

void Client::keep_pace(std::size_t octets) {
  unpaced_ += octets;
  if (unpaced_ >= kPaceOctets) start_deadline();
}

io::Task<Result<void>> Client::flush() {
  start_deadline();
  auto sent = co_await output_.flush(*connection_);
  if (!sent && bye_) co_return std::unexpected(*bye_);
  co_return sent;
}

io::Task<Result<void>> Client::send(std::string_view text) {
  output_.append(text);
  output_.append("\r\n"sv);
  co_return co_await flush();
}

bool Client::unasked(std::uint64_t size) const {
  if (!capabilities_) return false;
  // RFC 7888 §5: LITERAL- permits 4096 octets, and IMAP4rev2 has it (RFC 9051 §4.3).
  return capabilities_->has("LITERAL+") ||
         ((capabilities_->has("LITERAL-") || capabilities_->has("IMAP4REV2")) && size <= kUnauthenticatedLiteralMax);
}

io::Task<Result<std::optional<StatusResponse>>> Client::say(const std::string& tag, std::string_view text) {
  output_.append(tag + " ");
  std::string_view rest = text;
  // CRLF stands behind announcements only: no quoted string holds it.
  for (auto at = rest.find("\r\n"); at != std::string_view::npos; at = rest.find("\r\n")) {
    LiteralHead head;
    if (!literal_at_end(rest.substr(0, at), head) || head.size > rest.size() - at - 2) {
      output_.clear();
      co_return fail(kSyntax, "A line break that announces no literal");
    }
    const bool flows = unasked(head.size);
    output_.append(rest.substr(0, at - 1));
    output_.append(flows ? "+}\r\n"sv : "}\r\n"sv);
    if (!flows) {
      CO_TRY(co_await flush());
      if (auto refused = CO_TRY(co_await wait_to_continue(tag))) co_return refused;
    }
    output_.append(rest.substr(at + 2, head.size));
    rest.remove_prefix(at + 2 + head.size);
  }
  CO_TRY(co_await send(rest));
  co_return std::nullopt;
}

io::Task<Result<void>> Client::stream_literal(ContentSink& sink, std::uint64_t size) {
  for (auto left = size; left > 0;) {
    if (input_.empty()) {
      CO_TRY(co_await input_.more(*connection_));
      continue;
    }
    const auto piece = input_.view().substr(0, left);
    CO_TRY(co_await sink.append(piece));
    left -= piece.size();
    keep_pace(piece.size());
    input_.consume(piece.size());
  }
  co_return Result<void>{};
}

io::Task<Result<void>> Client::take_literal(ContentSink* sink, std::string& before) {
  const auto size = reader_.head().size;
  std::string_view text = reader_.text();
  text = text.substr(0, text.rfind('{'));
  if (text.ends_with('~')) text.remove_suffix(1);
  if (sink == nullptr || size < options_.stream_from ||
      !stands_for_content(before.empty() ? text : before + std::string(text))) {
    if (!reader_.fits()) co_return fail(kServerBroke, "The server sends a response that is too large");
    reader_.collect();
    co_return Result<void>{};
  }
  // The response is read on as if NIL stood here.
  before += text;
  if (before.size() > kResponseMax) co_return fail(kServerBroke, "The server sends a response that is too large");
  CO_TRY(sink->begin(before, size));
  CO_TRY(co_await stream_literal(*sink, size));
  CO_TRY(co_await sink->end());
  before += "NIL";
  reader_.streamed();
  co_return Result<void>{};
}

io::Task<Result<Response>> Client::receive_line(Awaited awaited) {
  std::string before;
  start_deadline(awaited.until);
  for (;;) {
    auto view = input_.view();
    const auto size = view.size();
    const auto event = reader_.feed(view);
    if (!awaited.until) keep_pace(size - view.size());
    input_.consume(size - view.size());
    switch (event) {
      case CommandReader::Event::need_more: {
        const auto ready = CO_TRY(co_await input_.more(*connection_, awaited.also));
        if (awaited.also != nullptr && ready.event && input_.empty()) co_return fail(kCancelled, "stopped");
        break;
      }
      case CommandReader::Event::literal: CO_TRY(co_await take_literal(awaited.sink, before)); break;
      case CommandReader::Event::discarded:
        co_return fail(kServerBroke, "The server sends a response that is too large");
      case CommandReader::Event::line: {
        before += reader_.text();
        reader_.next();
        if (before.empty()) break;  // some servers end literals with a line break of their own
        auto response = parse_response(before, names_);
        if (!response)
          co_return fail(kServerBroke, "The server sends what is no IMAP: " + escape_controls(before, 100));
        remember(*response);
        co_return *std::move(response);
      }
    }
  }
}

io::Task<Result<Response>> Client::receive() { return receive(Awaited{}); }

io::Task<Result<Response>> Client::receive(Awaited awaited) {
  auto response = co_await receive_line(awaited);
  // What the server said at its end explains the end.
  if (!response && bye_ && !response.error().is(kServerBroke)) co_return std::unexpected(*bye_);
  co_return response;
}

void Client::remember(const Response& response) {
  if (const auto* told = std::get_if<CapabilityResponse>(&response)) capabilities_ = *told;
  const auto* status = std::get_if<StatusResponse>(&response);
  if (status == nullptr) return;
  if (status->kind == Kind::bye && status->tag == "*") bye_ = refusal(*status);
  if (status->code != "CAPABILITY") return;
  if (const auto told = parse_response("* CAPABILITY " + status->code_text)) remember(*told);
}

io::Task<Result<StatusResponse>> Client::finish(const std::string& tag, OnResponse each, ContentSink* sink) {
  for (std::size_t count = 0; count < kResponsesMax; ++count) {
    auto response = CO_TRY(co_await receive(Awaited{.sink = sink}));
    auto* status = std::get_if<StatusResponse>(&response);
    if (status != nullptr && status->tag == tag) co_return *std::move(status);
    if (status != nullptr && status->tag != "*") co_return fail(kServerBroke, "The server answers what was not asked");
    if (std::holds_alternative<Continuation>(response))
      co_return fail(kServerBroke, "The server asks for what was not announced");
    if (each) each(response);
    if (on_news) on_news(response);
  }
  co_return fail(kServerBroke, "The server answers without end");
}

io::Task<Result<std::optional<StatusResponse>>> Client::wait_to_continue(const std::string& tag) {
  for (std::size_t count = 0; count < kResponsesMax; ++count) {
    auto response = CO_TRY(co_await receive());
    if (std::holds_alternative<Continuation>(response)) co_return std::nullopt;
    if (auto* status = std::get_if<StatusResponse>(&response); status != nullptr && status->tag == tag)
      co_return *std::move(status);
    if (on_news) on_news(response);
  }
  co_return fail(kServerBroke, "The server answers without end");
}

io::Task<Result<StatusResponse>> Client::conclude(StatusResponse response) {
  if (response.kind != Kind::ok) co_return std::unexpected(refusal(response));
  co_return response;
}

io::Task<Result<StatusResponse>> Client::command(std::string text, OnResponse each, ContentSink* sink) {
  const auto tag = next_tag();
  if (auto refused = CO_TRY(co_await say(tag, text))) co_return co_await conclude(*std::move(refused));
  co_return co_await conclude(CO_TRY(co_await finish(tag, std::move(each), sink)));
}

}  // namespace angarium::protocol::imap
