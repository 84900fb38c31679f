// What is asked of mailboxes and their messages.
#include <algorithm>

#include "base/text.h"
#include "io/loop.h"
#include "protocol/imap/client.h"
#include "protocol/imap/mailbox_name.h"
#include "protocol/imap/refusal.h"
#include "protocol/imap/writer.h"

namespace angarium::protocol::imap {
namespace {

using Kind = StatusResponse::Kind;

/// Whether the header of a message has octets above 127.
bool eight_bit_header(std::string_view message) { return !all_ascii(message.substr(0, message.find("\r\n\r\n"))); }

/// Octets that lie in memory, as a source.
class InMemory final : public ContentSource {
 public:
  explicit InMemory(std::string_view octets) : octets_(octets) {}
  io::ValueOrTask<Result<std::string_view>> next() override {
    return Result<std::string_view>(std::exchange(octets_, {}));
  }

 private:
  std::string_view octets_;
};

/// What stands between the mailbox, or the letter before, and the literal.
std::string description(const Letter& letter) {
  std::string line = " (";
  bool first = true;
  append_flags(line, letter.flags.system, first);
  for (const auto& keyword : letter.flags.keywords) {
    if (!first) line += ' ';
    first = false;
    line += keyword;
  }
  line += ") ";
  if (!letter.date) return line;
  append_internal_date(line, {.seconds = letter.date->seconds(), .zone_minutes = letter.zone_minutes});
  return line + ' ';
}

void take_code(const StatusResponse& status, SelectResult& result) {
  const auto number = parse_number<std::uint32_t>(status.code_text).value_or(0);
  if (status.code == "UIDVALIDITY") result.uid_validity = number;
  if (status.code == "UIDNEXT") result.uid_next = number;
  if (status.code == "UIDNOTSTICKY") result.uids_not_sticky = true;
  if (status.code == "HIGHESTMODSEQ") result.highest_modseq = parse_number<std::uint64_t>(status.code_text).value_or(0);
  if (status.code == "MAILBOXID") {
    std::string_view id = status.code_text;
    if (id.starts_with('(')) id.remove_prefix(1);
    result.mailbox_id = trim(id.substr(0, id.find(')')));
  }
}

}  // namespace

io::Task<Result<SelectResult>> Client::select(std::string name, Access access, OnResponse others) {
  SelectResult result;
  const auto take = [&](const Response& response) {
    if (const auto* number = std::get_if<NumberResponse>(&response);
        number != nullptr && number->kind == NumberResponse::Kind::exists)
      result.exists = number->number;
    if (const auto* status = std::get_if<StatusResponse>(&response)) take_code(*status, result);
    if (others) others(response);
  };
  const auto* const verb = access == Access::read_write ? "SELECT " : "EXAMINE ";
  const auto status = CO_TRY(co_await command(verb + mailbox(name), take));
  result.read_only = status.code == "READ-ONLY";
  co_return result;
}

io::Task<Result<std::vector<ListResponse>>> Client::list(std::string reference, std::string pattern) {
  const auto* told = CO_TRY(co_await capabilities());
  // RFC 6154 §2: a server need not tell special uses unasked; only LIST-EXTENDED lets us ask.
  const bool extended = told->has("SPECIAL-USE") && (told->has("LIST-EXTENDED") || told->has("IMAP4REV2"));
  co_return co_await rows("LIST " + mailbox(reference) + " " + mailbox(pattern) +
                          (extended ? " RETURN (SPECIAL-USE SUBSCRIBED)" : ""));
}

io::Task<Result<std::vector<ListResponse>>> Client::subscriptions(std::string reference, std::string pattern) {
  co_return co_await rows("LSUB " + mailbox(reference) + " " + mailbox(pattern));
}

io::Task<Result<std::vector<ListResponse>>> Client::rows(std::string text) {
  std::vector<ListResponse> found;
  bool endless = false;
  std::size_t octets = 0;
  CO_TRY(co_await command(std::move(text), [&](const Response& response) {
    const auto* row = std::get_if<ListResponse>(&response);
    if (row == nullptr) return;
    octets += row->name.size() + row->written.size();
    for (const std::string& info : row->child_info) octets += info.size();
    endless = endless || found.size() == kListRowsMax || octets > kListOctetsMax;
    if (!endless) found.push_back(*row);
  }));
  if (endless) co_return fail(kServerBroke, "The server lists mailboxes without end");
  for (const auto& row : found) {
    const bool regular = (names_ == NameForm::utf8 ? row.name : to_modified_utf7(row.name)) == row.written;
    if (!regular) irregular_[row.name] = row.written;
  }
  co_return found;
}

io::Task<Result<NamespaceResponse>> Client::namespaces() {
  const auto* told = CO_TRY(co_await capabilities());
  NamespaceResponse found;
  if (!told->has("NAMESPACE") && !told->has("IMAP4REV2")) co_return found;
  CO_TRY(co_await command("NAMESPACE", [&](const Response& response) {
    if (const auto* spaces = std::get_if<NamespaceResponse>(&response)) found = *spaces;
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

io::Task<Result<void>> Client::create(std::string name, std::string use) {
  CO_TRY(co_await command("CREATE " + mailbox(name) + (use.empty() ? "" : " (USE (" + use + "))")));
  co_return Result<void>{};
}

io::Task<Result<void>> Client::subscribe(std::string name) {
  CO_TRY(co_await command("SUBSCRIBE " + mailbox(name)));
  co_return Result<void>{};
}

io::Task<Result<std::optional<UidCode>>> Client::append(std::string name, FlagList flags, std::optional<WallTime> date,
                                                        std::string_view message) {
  InMemory source(message);
  const ContentFacts facts{.octets = message.size(), .eight_bit_header = eight_bit_header(message)};
  co_return co_await append(std::move(name), std::move(flags), date, facts, source);
}

io::Task<Result<std::optional<UidCode>>> Client::append(std::string name, FlagList flags, std::optional<WallTime> date,
                                                        ContentFacts facts, ContentSource& message) {
  std::vector<Letter> letters;
  letters.push_back({.flags = std::move(flags), .date = date, .facts = facts, .content = &message});
  co_return co_await append(std::move(name), std::move(letters));
}

io::Task<Result<std::optional<UidCode>>> Client::append(std::string name, std::vector<Letter> letters) {
  const auto tag = next_tag();
  CO_TRY(co_await capabilities());
  std::string before = tag + " APPEND " + mailbox(name);
  for (const Letter& letter : letters) {
    if (auto refused = CO_TRY(co_await send_letter(tag, std::move(before), letter)))
      co_return std::unexpected(refusal(*refused));
    before.clear();
  }
  CO_TRY(co_await send(""));
  auto answer = CO_TRY(co_await finish(tag, {}, nullptr));
  const auto status = CO_TRY(co_await conclude(std::move(answer)));
  co_return status.code == "APPENDUID" ? parse_uid_code(status.code_text) : std::nullopt;
}

io::Task<Result<std::optional<StatusResponse>>> Client::send_letter(const std::string& tag, std::string before,
                                                                    const Letter& letter) {
  const ContentFacts& facts = letter.facts;
  std::string line = std::move(before) + description(letter);
  // RFC 6855 §4: so, and only so, where UTF8=ACCEPT was enabled.
  const bool utf8 = utf8_accept_ && facts.eight_bit_header;
  if (utf8) line += "UTF8 (";
  if (utf8 || facts.nul) line += '~';
  const bool flows = facts.octets <= kUnaskedMax && unasked(facts.octets);
  line += "{" + std::to_string(facts.octets) + (flows ? "+}" : "}");
  CO_TRY(co_await send(line));
  if (!flows) {
    if (auto refused = CO_TRY(co_await wait_to_continue(tag))) co_return refused;
  }
  CO_TRY(co_await send_content(facts, *letter.content));
  if (utf8) output_.append(")"sv);
  co_return std::nullopt;
}

io::Task<Result<void>> Client::send_content(ContentFacts facts, ContentSource& source) {
  for (auto left = facts.octets;;) {
    const auto piece = CO_TRY(co_await source.next());
    // The server counts: more or fewer octets would be taken for commands, or commands for the message.
    if (piece.size() > left || (piece.empty() && left > 0)) {
      connection_->close();
      co_return fail(kBroken, "a message of another size than was announced");
    }
    if (piece.empty()) co_return Result<void>{};
    start_deadline();
    CO_TRY(co_await io::write_all(*connection_, piece));
    left -= piece.size();
  }
}

io::Task<Result<void>> Client::uid_fetch(std::string set, std::string items, OnResponse each, ContentSink* sink) {
  CO_TRY(co_await command("UID FETCH " + set + " " + items, std::move(each), sink));
  co_return Result<void>{};
}

io::Task<Result<void>> Client::uid_store(std::string set, std::string change) {
  CO_TRY(co_await command("UID STORE " + set + " " + change));
  co_return Result<void>{};
}

bool Client::has_uidplus() const {
  return capabilities_ && (capabilities_->has("UIDPLUS") || capabilities_->has("IMAP4REV2"));
}

io::Task<Result<std::optional<UidCode>>> Client::uid_copy(std::string set, std::string name, CopyMode mode) {
  const auto* told = CO_TRY(co_await capabilities());
  const bool moves = told->has("MOVE") || told->has("IMAP4REV2");
  std::optional<UidCode> code;
  const auto take = [&](const Response& response) {
    const auto* status = std::get_if<StatusResponse>(&response);
    if (status != nullptr && status->code == "COPYUID") code = parse_uid_code(status->code_text);
  };
  const bool by_move = mode == CopyMode::move && moves;
  const auto last = CO_TRY(co_await command((by_move ? "UID MOVE " : "UID COPY ") + set + " " + mailbox(name), take));
  take(last);
  if (mode == CopyMode::move && !moves) {
    CO_TRY(co_await uid_store(set, "+FLAGS.SILENT (\\Deleted)"));
    if (has_uidplus()) CO_TRY(co_await uid_expunge(set));
  }
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

io::Task<Result<void>> Client::expunge() {
  CO_TRY(co_await command("EXPUNGE"));
  co_return Result<void>{};
}

io::Task<Result<void>> Client::idle(std::function<bool(const Response&)> each, io::Event& stop, Duration at_most) {
  const auto tag = next_tag();
  CO_TRY(co_await send(tag + " IDLE"));
  if (auto refused = CO_TRY(co_await wait_to_continue(tag))) co_return std::unexpected(refusal(*refused));
  std::optional<StatusResponse> ended;
  CO_TRY(co_await idle_on(tag, each, stop, io::Loop::current().now() + at_most, ended));
  if (!ended) {
    CO_TRY(co_await send("DONE"));
    ended = CO_TRY(co_await finish(tag, [&](const Response& response) { each(response); }, nullptr));
  }
  CO_TRY(co_await conclude(*std::move(ended)));
  co_return Result<void>{};
}

io::Task<Result<void>> Client::idle_on(const std::string& tag, std::function<bool(const Response&)>& each,
                                       io::Event& stop, Moment until, std::optional<StatusResponse>& ended) {
  while (io::Loop::current().now() < until) {
    auto response = co_await receive({.also = &stop, .until = until});
    if (!response && (response.error().is(kCancelled) || response.error().is(kTimedOut))) break;
    if (!response) co_return std::unexpected(std::move(response).error());
    auto* status = std::get_if<StatusResponse>(&*response);
    if (status != nullptr && status->tag == tag) {
      ended = *std::move(status);
      break;
    }
    if (bye_) co_return std::unexpected(*bye_);
    if (on_news) on_news(*response);
    if (each(*response)) break;
  }
  co_return Result<void>{};
}

}  // namespace angarium::protocol::imap
