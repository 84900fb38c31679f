#include "protocol/imap/found.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "message/charset.h"
#include "protocol/imap/progress.h"
#include "protocol/imap/sliced_sort.h"

namespace angarium::protocol::imap {

Result<void> OctetKeeper::count(std::size_t octets) {
  if (octets > kSortOctetsMax - size_) return fail(kLimit, "Too many messages to put in order at once");
  size_ += octets;
  return {};
}

Result<std::string_view> OctetKeeper::keep(std::string_view octets) {
  TRY(count(octets.size()));
  if (octets.size() > room_) {
    room_ = std::max(kPiece, octets.size());
    pieces_.push_back(std::make_unique_for_overwrite<char[]>(room_));
    piece_ = pieces_.back().get();
  }
  if (!octets.empty()) std::memcpy(piece_, octets.data(), octets.size());
  const std::string_view kept(piece_, octets.size());
  piece_ += octets.size();
  room_ -= octets.size();
  return kept;
}

io::Task<Result<void>> visit_found(Session& session, const NumberSet& uids, std::uint32_t wanted, FoundVisitor visit) {
  Cursor cursor(*session.selected, {.numbers = uids, .addressing = Addressing::uid});
  Pace pace;
  std::vector<Entry> entries;
  std::uint64_t done = 0;
  for (auto batch = cursor.next(); !batch.empty(); batch = cursor.next()) {
    TextBatch texts;
    if (session.progress != nullptr) session.progress->at(done, uids.count());
    done += batch.size();
    if (wanted != 0) {
      entries.clear();
      for (const auto& target : batch) entries.push_back(target.entry);
      texts = CO_TRY(co_await session.selected->mailbox().texts(entries, wanted, message::ImapForm::utf8));
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (!batch[i].ghost) CO_TRY(visit(batch[i], wanted != 0 ? texts.messages[i] : MessageTexts{}));
    }
    if (pace.due((wanted == 0 ? 1 : 64) * batch.size())) co_await io::Loop::current().yield();
  }
  co_return Result<void>{};
}

std::string collation_key(std::string_view decoded, message::Collation collation) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  std::string text(decoded.substr(0, kSortTextMax));
  if (decoded.size() > kSortTextMax) {
    // Not within a character.
    while (!text.empty() && (static_cast<unsigned char>(decoded[text.size()]) & 0xC0) == 0x80) text.pop_back();
  }
  std::erase(text, '\0');
  if (!valid_utf8(text) || text.contains(kReplacement)) return "\xFF" + text;
  std::string key;
  message::append_collated(key, text, collation);
  return key;
}

}  // namespace angarium::protocol::imap
