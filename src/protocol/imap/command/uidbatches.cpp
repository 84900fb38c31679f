// UIDBATCHES (RFC 10022): ranges of UIDs that part the mailbox into batches of equal size, the newest messages first.
#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {
namespace {

std::uint32_t uid_at(const View& view, std::uint64_t index) {
  Entry entry;
  return view.read(static_cast<std::size_t>(index), {&entry, 1}) == 1 ? entry.uid : 0;
}

struct Batches {
  std::uint64_t size = 0;
  std::uint64_t first = 1;  ///< counted from 1, the batch with the highest UIDs
  std::uint64_t last = UINT64_MAX;
};

Result<Batches> arguments(Parser& parser) {
  // message-batches = "UIDBATCHES" SP nz-number [SP nz-number ":" nz-number] (RFC 10022 §4)
  Batches wanted{.size = TRY(parser.nz_number())};
  if (parser.present(' ')) {
    wanted.first = TRY(parser.nz_number());
    TRY(parser.require(':'));
    wanted.last = TRY(parser.nz_number());
  }
  TRY(parser.end());
  // §3.1.5
  if (wanted.first > wanted.last) return fail(kClientBug, "The lower batch comes first");
  // §3.1.3.2
  if (wanted.size < kBatchSizeMin) return fail(kTooFew, "Minimum batch size is " + std::to_string(kBatchSizeMin));
  return wanted;
}

}  // namespace

io::Task<Result<Reply>> uidbatches(Session& session, Command& command) {
  const auto wanted = CO_TRY(arguments(command.parser));
  const auto view = session.selected->held_view();
  const std::uint64_t messages = view->size();
  auto& out = session.text();
  out += "* UIDBATCHES (TAG ";
  message::append_imap_string(out, command.tag, message::ImapForm::ascii);
  out += ')';
  // Nothing is read but the first message of each batch: no limit on how often it is asked, nor for how many (§3.1.7).
  const auto batches = (messages + wanted.size - 1) / wanted.size;
  for (auto batch = wanted.first; batch <= std::min(wanted.last, batches); ++batch) {
    const auto begin = messages - std::min(messages, batch * wanted.size);
    const auto end = messages - (batch - 1) * wanted.size;
    auto& text = session.text();
    text += batch == wanted.first ? ' ' : ',';
    // The ranges meet, the first one ends with the newest message, the last one with 1 (§3.1.4).
    append_number(text, end == messages ? uid_at(*view, end - 1) : uid_at(*view, end) - 1);
    text += ':';
    append_number(text, begin == 0 ? 1 : uid_at(*view, begin));
    CO_TRY(co_await session.room());
  }
  session.text() += "\r\n";
  co_return done("UIDBATCHES completed");
}

}  // namespace angarium::protocol::imap::command
