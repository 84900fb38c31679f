#include "protocol/imap/client.h"

#include <algorithm>

#include "base/text.h"
#include "io/loop.h"
#include "protocol/imap/writer.h"

namespace angarium::protocol::imap {
namespace {

using Kind = StatusResponse::Kind;

/// Codes of RFC 5530 that promise something of a later try.
bool says_later(std::string_view code) {
  return code == "UNAVAILABLE" || code == "INUSE" || code == "LIMIT" || code == "SERVERBUG" || code == "EXPUNGEISSUED";
}

Error refusal(const StatusResponse& response) {
  auto words = (response.code.empty() ? "" : "[" + response.code + "] ") + response.text;
  if (response.kind != Kind::no) return {kServerBroke, std::move(words)};
  return {says_later(response.code) ? kServerBusy : kServerRefused, std::move(words)};
}

std::string as_string(std::string_view value) {
  std::string out;
  message::append_imap_string(out, value, message::ImapForm::ascii);
  return out;
}

/// Whether the header of a message has octets above 127.
bool eight_bit_header(std::string_view message) { return !all_ascii(message.substr(0, message.find("\r\n\r\n"))); }

}  // namespace

Client::Client(wire::Connection& connection, ClientOptions options) : connection_(connection), options_(options) {}

std::string Client::next_tag() { return "A" + std::to_string(++tags_); }

std::string Client::mailbox(std::string_view name) const {
  std::string out;
  append_mailbox(out, name, names_);
  return out;
}

io::Task<Result<void>> Client::flush() {
  connection_.set_deadline(io::Loop::current().now() + options_.timeout);
  co_return co_await output_.flush(connection_);
}

io::Task<Result<void>> Client::send(std::string_view text) {
  output_.append(text);
  output_.append("\r\n"sv);
  co_return co_await flush();
}

bool Client::unasked(std::uint64_t size) const {
  if (!capabilities_) return false;
  // RFC 7888 §5: LITERAL- permits 4096 octets.
  return capabilities_->has("LITERAL+") || (capabilities_->has("LITERAL-") && size <= kUnauthenticatedLiteralMax);
}

io::Task<Result<std::optional<StatusResponse>>> Client::say(const std::string& tag, std::string text) {
  output_.append(tag + " ");
  std::string_view rest = text;
  // CRLF stands behind announcements only: no quoted string holds it.
  for (auto at = rest.find("\r\n"); at != std::string_view::npos; at = rest.find("\r\n")) {
    LiteralHead head;
    if (!literal_at_end(rest.substr(0, at), head) || head.size > rest.size() - at - 2)
      co_return fail(kSyntax, "A line break that announces no literal");
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

io::Task<Result<void>> Client::take_literal(ContentSink* sink, std::string& before) {
  const auto size = reader_.head().size;
  if (sink == nullptr || size < options_.stream_from) {
    if (!reader_.fits()) co_return fail(kServerBroke, "The server sends a response that is too large");
    reader_.collect();
    co_return Result<void>{};
  }
  // The response is read on as if an empty literal stood here.
  std::string_view text = reader_.text();
  before += text.substr(0, text.rfind('{'));
  CO_TRY(sink->begin(before, size));
  for (auto left = size; left > 0;) {
    if (input_.empty()) {
      connection_.set_deadline(io::Loop::current().now() + options_.timeout);
      CO_TRY(co_await input_.more(connection_));
      continue;
    }
    const auto piece = input_.view().substr(0, left);
    CO_TRY(sink->append(piece));
    left -= piece.size();
    input_.consume(piece.size());
  }
  CO_TRY(sink->end());
  before += "NIL";
  reader_.streamed();
  co_return Result<void>{};
}

io::Task<Result<Response>> Client::receive(ContentSink* sink, io::Event* also) {
  std::string before;
  for (;;) {
    auto view = input_.view();
    const auto size = view.size();
    const auto event = reader_.feed(view);
    input_.consume(size - view.size());
    switch (event) {
      case CommandReader::Event::need_more: {
        connection_.set_deadline(io::Loop::current().now() + options_.timeout);
        const auto ready = CO_TRY(co_await input_.more(connection_, also));
        if (also != nullptr && ready.event && input_.empty()) co_return fail(kCancelled, "stopped");
        break;
      }
      case CommandReader::Event::literal: CO_TRY(co_await take_literal(sink, before)); break;
      case CommandReader::Event::discarded:
        co_return fail(kServerBroke, "The server sends a response that is too large");
      case CommandReader::Event::line: {
        before += reader_.text();
        auto response = parse_response(before, names_);
        reader_.next();
        if (!response) co_return fail(kServerBroke, response.error().text() + " in " + escape_controls(before, 100));
        remember(*response);
        co_return *std::move(response);
      }
    }
  }
}

void Client::remember(const Response& response) {
  if (const auto* told = std::get_if<CapabilityResponse>(&response)) capabilities_ = *told;
  const auto* status = std::get_if<StatusResponse>(&response);
  if (status == nullptr || status->code != "CAPABILITY") return;
  if (const auto told = parse_response("* CAPABILITY " + status->code_text)) remember(*told);
}

io::Task<Result<StatusResponse>> Client::finish(const std::string& tag, OnResponse each, ContentSink* sink) {
  for (;;) {
    auto response = CO_TRY(co_await receive(sink));
    auto* status = std::get_if<StatusResponse>(&response);
    if (status != nullptr && status->tag == tag) co_return *std::move(status);
    if (status != nullptr && status->kind == Kind::bye && !tag.empty() && !each)
      co_return std::unexpected(refusal(*status));
    if (std::holds_alternative<Continuation>(response))
      co_return fail(kServerBroke, "The server asks for what was not announced");
    if (each) each(response);
    if (on_news) on_news(response);
  }
}

io::Task<Result<StatusResponse>> Client::conclude(StatusResponse response) {
  if (response.kind != Kind::ok) co_return std::unexpected(refusal(response));
  co_return response;
}

io::Task<Result<StatusResponse>> Client::command(std::string text, OnResponse each, ContentSink* sink) {
  const auto tag = next_tag();
  if (auto refused = CO_TRY(co_await say(tag, std::move(text)))) co_return co_await conclude(*std::move(refused));
  co_return co_await conclude(CO_TRY(co_await finish(tag, std::move(each), sink)));
}

io::Task<Result<bool>> Client::greet() {
  const auto response = CO_TRY(co_await receive());
  const auto* status = std::get_if<StatusResponse>(&response);
  if (status == nullptr || (status->kind != Kind::ok && status->kind != Kind::preauth))
    co_return fail(kServerBroke, status != nullptr ? status->text : "No greeting");
  co_return status->kind == Kind::preauth;
}

io::Task<Result<const CapabilityResponse*>> Client::capabilities() {
  if (!capabilities_) CO_TRY(co_await command("CAPABILITY"));
  if (!capabilities_) co_return fail(kServerBroke, "The server does not tell its capabilities");
  co_return &*capabilities_;
}

io::Task<Result<void>> Client::start_tls() {
  CO_TRY(co_await command("STARTTLS"));
  // RFC 9051 §6.2.1: what was told before TLS is not believed.
  capabilities_.reset();
  CO_TRY(co_await connection_.start_tls(input_));
  co_return Result<void>{};
}

io::Task<Result<void>> Client::login(std::string user, std::string password) {
  // No string holds it (RFC 9051 §4.3).
  if ((user + password).find('\0') != std::string::npos)
    co_return fail(kRefused, "User names and passwords hold no octet of value zero");
  capabilities_.reset();
  CO_TRY(co_await command("LOGIN " + as_string(user) + " " + as_string(password)));
  co_return Result<void>{};
}

io::Task<Result<void>> Client::authenticate(std::string mechanism, std::unique_ptr<sasl::ClientExchange> exchange) {
  const auto initial = CO_TRY(exchange->initial_response());
  const auto* known = CO_TRY(co_await capabilities());
  const bool at_once = initial && known->has("SASL-IR");
  const auto tag = next_tag();
  auto line = tag + " AUTHENTICATE " + mechanism;
  // RFC 4959 §3
  if (at_once) line += initial->empty() ? " =" : " " + to_base64(*initial);
  CO_TRY(co_await send(line));
  capabilities_.reset();
  bool first = !at_once;
  for (;;) {
    auto response = CO_TRY(co_await receive());
    if (const auto* challenge = std::get_if<Continuation>(&response)) {
      const auto octets = from_base64(challenge->text);
      auto answer = !octets ? Result<std::string>(fail(kServerBroke, "Challenge is not base64"))
                    : first && initial && octets->empty() ? Result<std::string>(*initial)
                                                          : exchange->respond(*octets);
      first = false;
      // RFC 9051 §6.2.2: "*" gives up.
      CO_TRY(co_await send(answer ? to_base64(*answer) : "*"));
      if (answer) continue;
      CO_TRY(co_await finish(tag, {}, nullptr));
      co_return std::unexpected(std::move(answer).error());
    }
    const auto* status = std::get_if<StatusResponse>(&response);
    if (status == nullptr || status->tag != tag) continue;
    CO_TRY(co_await conclude(*status));
    CO_TRY(exchange->finish(""));
    co_return Result<void>{};
  }
}

io::Task<Result<std::vector<std::string>>> Client::enable(std::string names) {
  std::vector<std::string> enabled;
  CO_TRY(co_await command("ENABLE " + names, [&](const Response& response) {
    if (const auto* told = std::get_if<EnabledResponse>(&response)) enabled = told->names;
  }));
  const auto has = [&](std::string_view name) { return std::ranges::find(enabled, name) != enabled.end(); };
  utf8_accept_ = utf8_accept_ || has("UTF8=ACCEPT");
  if (has("IMAP4REV2") || has("UTF8=ACCEPT")) names_ = NameForm::utf8;
  co_return enabled;
}

io::Task<Result<void>> Client::logout() {
  CO_TRY(co_await command("LOGOUT", [](const Response&) {}));
  co_return Result<void>{};
}

io::Task<Result<SelectResult>> Client::select(std::string name, Access access, OnResponse others) {
  SelectResult result;
  const auto take = [&](const Response& response) {
    if (const auto* number = std::get_if<NumberResponse>(&response);
        number != nullptr && number->kind == NumberResponse::Kind::exists)
      result.exists = number->number;
    if (const auto* status = std::get_if<StatusResponse>(&response)) {
      const auto value = parse_number<std::uint64_t>(status->code_text).value_or(0);
      if (status->code == "UIDVALIDITY") result.uid_validity = static_cast<std::uint32_t>(value);
      if (status->code == "UIDNEXT") result.uid_next = static_cast<std::uint32_t>(value);
      if (status->code == "HIGHESTMODSEQ") result.highest_modseq = value;
      if (status->code == "MAILBOXID") result.mailbox_id = trim(std::string_view(status->code_text).substr(1));
      if (result.mailbox_id.ends_with(')')) result.mailbox_id.pop_back();
    }
    if (others) others(response);
  };
  const auto verb = access == Access::read_write ? "SELECT " : "EXAMINE ";
  const auto status = CO_TRY(co_await command(verb + mailbox(name), take));
  result.read_only = status.code == "READ-ONLY";
  co_return result;
}

io::Task<Result<std::vector<ListResponse>>> Client::list(std::string reference, std::string pattern) {
  std::vector<ListResponse> found;
  CO_TRY(co_await command("LIST " + mailbox(reference) + " " + mailbox(pattern), [&](const Response& response) {
    if (const auto* row = std::get_if<ListResponse>(&response)) found.push_back(*row);
  }));
  co_return found;
}

io::Task<Result<StatusItemsResponse>> Client::status(std::string name, std::string items) {
  std::optional<StatusItemsResponse> found;
  CO_TRY(co_await command("STATUS " + mailbox(name) + " (" + items + ")", [&](const Response& response) {
    if (const auto* told = std::get_if<StatusItemsResponse>(&response)) found = *told;
  }));
  if (!found) co_return fail(kServerBroke, "The server tells no status");
  co_return *std::move(found);
}

io::Task<Result<void>> Client::create(std::string name) {
  CO_TRY(co_await command("CREATE " + mailbox(name)));
  co_return Result<void>{};
}

io::Task<Result<std::optional<StatusResponse>>> Client::wait_to_continue(const std::string& tag) {
  for (;;) {
    auto response = CO_TRY(co_await receive());
    if (std::holds_alternative<Continuation>(response)) co_return std::nullopt;
    if (auto* status = std::get_if<StatusResponse>(&response); status != nullptr && status->tag == tag)
      co_return *std::move(status);
    if (on_news) on_news(response);
  }
}

io::Task<Result<std::optional<UidCode>>> Client::append(std::string name, FlagList flags, std::optional<WallTime> date,
                                                        std::string_view message) {
  const auto tag = next_tag();
  std::string line = tag + " APPEND " + mailbox(name) + " (";
  bool first = true;
  append_flags(line, flags.system, first);
  for (const auto& keyword : flags.keywords) {
    if (!first) line += ' ';
    first = false;
    line += keyword;
  }
  line += ") ";
  if (date) {
    append_internal_date(line, {.seconds = date->seconds()});
    line += ' ';
  }
  CO_TRY(co_await capabilities());
  // RFC 6855 §4: so, and only so, where UTF8=ACCEPT was enabled.
  const bool utf8 = utf8_accept_ && eight_bit_header(message);
  if (utf8) line += "UTF8 (~";
  const bool flows = unasked(message.size());
  line += "{" + std::to_string(message.size()) + (flows ? "+}" : "}");
  CO_TRY(co_await send(line));
  if (!flows) {
    if (auto refused = CO_TRY(co_await wait_to_continue(tag))) co_return std::unexpected(refusal(*refused));
  }
  connection_.set_deadline(io::Loop::current().now() + options_.timeout);
  CO_TRY(co_await io::write_all(connection_, message));
  CO_TRY(co_await send(utf8 ? ")" : ""));
  auto answer = CO_TRY(co_await finish(tag, {}, nullptr));
  const auto status = CO_TRY(co_await conclude(std::move(answer)));
  co_return status.code == "APPENDUID" ? parse_uid_code(status.code_text) : std::nullopt;
}

io::Task<Result<void>> Client::uid_fetch(std::string set, std::string items, OnResponse each, ContentSink* sink) {
  CO_TRY(co_await command("UID FETCH " + set + " " + items, std::move(each), sink));
  co_return Result<void>{};
}

io::Task<Result<void>> Client::uid_store(std::string set, std::string change) {
  CO_TRY(co_await command("UID STORE " + set + " " + change));
  co_return Result<void>{};
}

io::Task<Result<std::optional<UidCode>>> Client::uid_copy(std::string set, std::string name, CopyMode mode) {
  std::optional<UidCode> code;
  const auto take = [&](const Response& response) {
    const auto* status = std::get_if<StatusResponse>(&response);
    if (status != nullptr && status->code == "COPYUID") code = parse_uid_code(status->code_text);
  };
  const auto last =
      CO_TRY(co_await command((mode == CopyMode::move ? "UID MOVE " : "UID COPY ") + set + " " + mailbox(name), take));
  take(last);
  co_return code;
}

io::Task<Result<NumberSet>> Client::uid_search(std::string program) {
  NumberSet found;
  CO_TRY(co_await command("UID SEARCH " + program, [&](const Response& response) {
    if (const auto* told = std::get_if<SearchResponse>(&response)) found = told->all;
  }));
  co_return found;
}

io::Task<Result<void>> Client::uid_expunge(std::string set) {
  CO_TRY(co_await command("UID EXPUNGE " + set));
  co_return Result<void>{};
}

io::Task<Result<void>> Client::idle(std::function<bool(const Response&)> each, io::Event& stop, Duration at_most) {
  const auto tag = next_tag();
  CO_TRY(co_await send(tag + " IDLE"));
  if (auto refused = CO_TRY(co_await wait_to_continue(tag))) co_return std::unexpected(refusal(*refused));
  const auto until = io::Loop::current().now() + at_most;
  const auto timeout = std::exchange(options_.timeout, at_most);
  Result<void> outcome;
  for (bool enough = false; !enough && io::Loop::current().now() < until;) {
    auto response = co_await receive(nullptr, &stop);
    if (response) {
      enough = each(*response);
      const auto* status = std::get_if<StatusResponse>(&*response);
      if (status != nullptr && status->kind == Kind::bye) outcome = std::unexpected(refusal(*status));
      if (!outcome) break;
      continue;
    }
    enough = true;
    const bool ended_by_us = response.error().is(kCancelled) || response.error().is(kTimedOut);
    if (!ended_by_us) outcome = std::unexpected(std::move(response).error());
  }
  options_.timeout = timeout;
  CO_TRY(std::move(outcome));
  CO_TRY(co_await send("DONE"));
  const auto last = CO_TRY(co_await finish(tag, [&](const Response& response) { each(response); }, nullptr));
  CO_TRY(co_await conclude(last));
  co_return Result<void>{};
}

}  // namespace angarium::protocol::imap
