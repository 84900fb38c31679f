#include "protocol/imap/command/appending.h"

#include <algorithm>

#include "base/text.h"
#include "protocol/imap/url_authority.h"

namespace angarium::protocol::imap::command {
namespace {

// RFC 6855 §4 would have octets above 127 in header fields refused unless UTF8=ACCEPT is enabled. They are taken: tools
// that move old mail never enable it, and a message refused there is a message lost.

Result<void> arrived(const Result<CommandReader::Event>& event) {
  if (!event) return std::unexpected(event.error());
  if (*event == CommandReader::Event::discarded) return fail(kTooLong, "Command is too long");
  return {};
}

/// url-resp-text (RFC 4469 §5): no "]", which would end the code, and no octet that ends a line.
std::string url_in_code(std::string_view url) {
  std::string text = escape_controls(url, 400);
  for (char& c : text)
    if (c == ']' || c == '"' || !is_ascii(c)) c = '?';
  return '"' + text + '"';
}

}  // namespace

/// Whether only the announcement of the pending literal is left.
bool Appending::at_announcement() const {
  const auto rest = parser_.rest();
  return session_.reader.announced() && rest.find('\n') == rest.size() - 1;
}

/// An astring that comes as a literal is read, so that the parser can go on.
io::Task<Result<void>> Appending::astring_arrives() {
  auto& reader = session_.reader;
  if (parser_.peek() != '{' || !reader.announced() || !at_announcement()) co_return Result<void>{};
  if (!reader.fits()) co_return fail(kTooLong, "Literal is too big for this command");
  if (reader.head().sync == LiteralHead::Sync::waits) session_.text() += "+ Ready\r\n";
  const auto at = parser_.position();
  reader.collect();
  CO_TRY(arrived(co_await session_.next_event()));
  parser_ = Parser(reader.text(), session_.names());
  parser_.move_to(at);
  co_return Result<void>{};
}

io::Task<Result<std::string>> Appending::mailbox() {
  CO_TRY(co_await astring_arrives());
  co_return parser_.mailbox();
}

/// append-message = [SP flag-list] [SP date-time] SP append-data (RFC 9051 §9, RFC 4466 §6, RFC 6855 §4)
Result<AppendMessage> Appending::head() {
  AppendMessage message;
  if (parser_.peek() == '(') {
    message.flags = TRY(parser_.flag_list());
    TRY(parser_.space());
  }
  if (parser_.peek() == '"') {
    message.internal_date = TRY(parser_.date_time());
    TRY(parser_.space());
  }
  return message;
}

Result<void> Appending::literal_head(AppendMessage& message) {
  if (parser_.present("UTF8 (")) {
    if (!session_.has(kUtf8Accept) && !session_.has(kImap4rev2)) return fail(kSyntax, "ENABLE UTF8=ACCEPT comes first");
    message.form = AppendMessage::Form::utf8;
  }
  const auto mark = parser_.peek();
  if ((mark != '{' && mark != '~') || !at_announcement()) return parser_.expected("literal");
  const auto& announced = session_.reader.head();
  const bool binary = announced.form == LiteralHead::Form::binary;
  // RFC 6855 §4: the literal in UTF8 (…) is a literal8.
  if (message.form == AppendMessage::Form::utf8 && !binary) return fail(kSyntax, "literal8 expected after UTF8");
  if (message.form == AppendMessage::Form::plain && binary) message.form = AppendMessage::Form::binary;
  message.size = announced.size;
  const auto limit = session_.options.append_limit;
  if (limit && message.size > *limit)
    return fail(kTooBig, "Message is larger than " + std::to_string(*limit) + " octets");
  // RFC 3502 §6.3.11: an empty literal is how a client gives up.
  if (message.size == 0) return fail(kRefused, "An empty message is not stored");
  return {};
}

io::Task<Result<void>> Appending::message(Append& append) {
  auto message = CO_TRY(head());
  if (parser_.present("CATENATE (")) {
    message.size = std::nullopt;
    CO_TRY(co_await append.begin(std::move(message)));
    co_return co_await catenate(append);
  }
  CO_TRY(literal_head(message));
  const bool closes = message.form == AppendMessage::Form::utf8;
  CO_TRY(co_await append.begin(message));
  CO_TRY(co_await literal(append, message));
  if (closes) CO_TRY(parser_.require(')'));
  co_return Result<void>{};
}

io::Task<Result<void>> Appending::literal(Append& append, const AppendMessage& message) {
  auto& reader = session_.reader;
  if (reader.head().sync == LiteralHead::Sync::waits) session_.text() += "+ Ready\r\n";
  auto taken = co_await stream(append, message);
  if (!taken && taken.error().is(kSessionOver)) co_return taken;
  reader.streamed();
  // The rest of the command is read in any case, so that the next one is found.
  CO_TRY(arrived(co_await session_.next_event()));
  parser_ = Parser(reader.text(), session_.names());
  co_return taken;
}

/// Hands the literal to the store as it comes; after a failure the octets are only counted.
io::Task<Result<void>> Appending::stream(Append& append, const AppendMessage& message) {
  Result<void> outcome;
  const auto size = session_.reader.head().size;
  const auto by =
      io::Loop::current().now() + session_.options.send_timeout + std::chrono::seconds(size / kAppendOctetsPerSecond);
  for (auto left = size; left > 0;) {
    if (session_.input.empty()) {
      CO_TRY(co_await session_.more(std::min(by, io::Loop::current().now() + session_.options.send_timeout)));
      if (session_.stopping && session_.input.empty()) co_return fail(kSessionOver, "stopping");
      continue;
    }
    const auto piece = session_.input.view().substr(0, left);
    // CHAR8 of a literal is not NUL (RFC 9051 §9); literal8 permits it.
    if (outcome && message.form == AppendMessage::Form::plain && piece.find('\0') != std::string_view::npos)
      outcome = fail(kSyntax, "A literal holds no octet of value zero; send it as literal8");
    if (outcome) outcome = co_await append.write(piece);
    left -= piece.size();
    session_.input.consume(piece.size());
  }
  co_return outcome;
}

/// append-data =/ "CATENATE" SP "(" cat-part *(SP cat-part) ")" (RFC 4469 §5)
io::Task<Result<void>> Appending::catenate(Append& append) {
  catenated_ = 0;
  std::size_t parts = 0;
  do {
    if (++parts > kCatenatePartsMax) co_return fail(kLimit, "Too many parts in one CATENATE");
    if (parser_.present("TEXT ")) {
      CO_TRY(co_await text_part(append));
    } else if (parser_.present("URL ")) {
      CO_TRY(co_await url_part(append));
    } else {
      co_return parser_.expected("TEXT or URL");
    }
  } while (parser_.present(' '));
  CO_TRY(parser_.require(')'));
  if (catenated_ == 0) co_return fail(kRefused, "An empty message is not stored");
  co_return Result<void>{};
}

Result<void> Appending::grow(std::uint64_t octets) {
  catenated_ += octets;
  // RFC 4469 §4.2.
  const auto limit = session_.options.append_limit;
  if (limit && catenated_ > *limit)
    return fail(kTooBig, "Message is larger than " + std::to_string(*limit) + " octets");
  return {};
}

io::Task<Result<void>> Appending::text_part(Append& append) {
  // text-literal = "TEXT" SP literal: no literal8.
  if (parser_.peek() != '{' || !at_announcement()) co_return parser_.expected("literal");
  CO_TRY(grow(session_.reader.head().size));
  co_return co_await literal(append, AppendMessage{});
}

io::Task<Result<void>> Appending::url_part(Append& append) {
  CO_TRY(co_await astring_arrives());
  url_ = CO_TRY(parser_.astring());
  const auto url = CO_TRY(parse_url(url_));
  // RFC 4469 §3: of this session, so that nothing is said of servers and users; or one that authorises (RFC 4467).
  if (url.base == ImapUrl::Base::server && !url.access) co_return fail(kBadUrl, "Only relative URLs are taken here");
  auto account = session_.account;
  if (url.access)
    account = CO_TRY(co_await authorised(*account, url, UrlUse::session, io::Loop::current().clock().wall()));
  const std::string selected = session_.selected == nullptr ? "" : session_.selected->mailbox().name();
  const auto name = CO_TRY(url_mailbox(url, selected));
  auto message = CO_TRY(co_await UrlMessage::open(*account, name, url));
  CO_TRY(grow(message.size()));
  while (!message.at_end()) {
    const auto piece = CO_TRY(co_await message.next());
    CO_TRY(co_await append.write(piece.octets));
  }
  url_.clear();
  co_return Result<void>{};
}

io::Task<Result<Reply>> Appending::refuse(Error error) {
  if (error.is(kSessionOver)) co_return std::unexpected(std::move(error));
  CO_TRY(co_await session_.drop_literals());
  // RFC 4469 §4.1: the first URL that failed.
  if (error.is(kBadUrl)) co_return Reply{Status::no, "BADURL " + url_in_code(url_), escape_controls(error.text(), 200)};
  co_return std::unexpected(std::move(error));
}

}  // namespace angarium::protocol::imap::command
