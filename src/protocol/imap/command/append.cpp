// APPEND (RFC 9051 §6.3.12, RFC 3502, RFC 3516 §4.4, RFC 6855 §4, RFC 7889). Messages are streamed, never collected.
#include <algorithm>

#include "protocol/imap/notifications.h"
#include "protocol/imap/progress.h"

namespace angarium::protocol::imap::command {

namespace {

// RFC 6855 §4 would have octets above 127 in header fields refused unless UTF8=ACCEPT is enabled. They are taken: tools
// that move old mail never enable it, and a message refused there is a message lost.

/// One APPEND at work: the parser stands in what the reader holds, which changes with every literal.
class Appending {
 public:
  Appending(Session& session, Command& command) : session_(session), parser_(command.parser), tag_(command.tag) {}

  io::Task<Result<Reply>> run() {
    CO_TRY(co_await name_arrives());
    auto name = CO_TRY(parser_.mailbox());
    CO_TRY(parser_.space());
    auto append = CO_TRY(co_await session_.account->append(std::move(name)));
    std::size_t messages = 0;
    do {
      if (++messages > kAppendMessagesMax) co_return fail(kLimit, "Too many messages in one APPEND");
      CO_TRY(co_await message(*append));
    } while (parser_.present(' '));
    CO_TRY(parser_.end());
    std::optional<Progress> progress(std::in_place, session_, tag_);
    const auto outcome = CO_TRY(co_await append->commit());
    progress.reset();
    auto* const selected = session_.selected.get();
    if (session_.notifications != nullptr && selected != nullptr &&
        selected->facts().uid_validity == outcome.uid_validity)
      for (const auto range : outcome.uids.ranges()) selected->own.add(range);
    if (outcome.uids.empty()) co_return done("APPEND completed");
    // RFC 4315 §3; RFC 3502 §6.3.11: all UIDs in one set.
    co_return done("APPEND completed", "APPENDUID " + std::to_string(outcome.uid_validity) + " " + outcome.uids.text());
  }

 private:
  /// The mailbox name may be a literal itself.
  io::Task<Result<void>> name_arrives() {
    auto& reader = session_.reader;
    if (parser_.peek() != '{' || !reader.announced() || !at_announcement()) co_return Result<void>{};
    if (!reader.fits()) co_return fail(kTooLong, "Mailbox name is too long");
    if (reader.head().sync == LiteralHead::Sync::waits) session_.text() += "+ Ready\r\n";
    const auto at = parser_.position();
    reader.collect();
    CO_TRY(arrived(co_await session_.next_event()));
    parser_ = Parser(reader.text(), session_.names());
    parser_.move_to(at);
    co_return Result<void>{};
  }

  static Result<void> arrived(const Result<CommandReader::Event>& event) {
    if (!event) return std::unexpected(event.error());
    if (*event == CommandReader::Event::discarded) return fail(kTooLong, "Command is too long");
    return {};
  }

  /// Whether only the announcement of the pending literal is left.
  [[nodiscard]] bool at_announcement() const {
    const auto rest = parser_.rest();
    return session_.reader.announced() && rest.find('\n') == rest.size() - 1;
  }

  /// append-message = [SP flag-list] [SP date-time] SP append-data (RFC 9051 §9, RFC 4466 §6, RFC 6855 §4)
  Result<AppendMessage> head() {
    AppendMessage message;
    if (parser_.peek() == '(') {
      message.flags = TRY(parser_.flag_list());
      TRY(parser_.space());
    }
    if (parser_.peek() == '"') {
      message.internal_date = TRY(parser_.date_time());
      TRY(parser_.space());
    }
    if (parser_.present("UTF8 (")) {
      if (!session_.has(kUtf8Accept) && !session_.has(kImap4rev2))
        return fail(kSyntax, "ENABLE UTF8=ACCEPT comes first");
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
    return message;
  }

  io::Task<Result<void>> message(Append& append) {
    auto& reader = session_.reader;
    const auto message = CO_TRY(head());
    CO_TRY(co_await append.begin(message));
    if (reader.head().sync == LiteralHead::Sync::waits) session_.text() += "+ Ready\r\n";
    auto taken = co_await stream(append, message);
    if (!taken && taken.error().is(kSessionOver)) co_return taken;
    reader.streamed();
    // The rest of the command is read in any case, so that the next one is found.
    CO_TRY(arrived(co_await session_.next_event()));
    parser_ = Parser(reader.text(), session_.names());
    CO_TRY(std::move(taken));
    if (message.form == AppendMessage::Form::utf8) CO_TRY(parser_.require(')'));
    co_return Result<void>{};
  }

  /// Hands the literal to the store as it comes; after a failure the octets are only counted.
  io::Task<Result<void>> stream(Append& append, const AppendMessage& message) {
    Result<void> outcome;
    const auto by = io::Loop::current().now() + session_.options.send_timeout +
                    std::chrono::seconds(message.size / kAppendOctetsPerSecond);
    for (auto left = message.size; left > 0;) {
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

  Session& session_;
  Parser& parser_;
  const std::string& tag_;
};

}  // namespace

io::Task<Result<Reply>> append(Session& session, Command& command) {
  auto result = co_await Appending(session, command).run();
  if (!result && !result.error().is(kSessionOver)) CO_TRY(co_await session.drop_literals());
  co_return result;
}

}  // namespace angarium::protocol::imap::command
