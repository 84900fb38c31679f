#include "protocol/imap/sorter.h"

#include <algorithm>

#include "message/encoded_word.h"
#include "message/threading.h"
#include "protocol/imap/envelope.h"
#include "protocol/imap/sliced_sort.h"

namespace angarium::protocol::imap {
namespace {

constexpr bool needs_envelope(SortBy by) {
  return by != SortBy::arrival && by != SortBy::relevancy && by != SortBy::size;
}

/// Big-endian, so that octets compare as the numbers do.
void append_number_key(std::string& key, std::int64_t number) {
  const auto value = static_cast<std::uint64_t>(number) ^ (std::uint64_t{1} << 63);
  for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(value >> shift & 0xFF);
}

void append_text_key(std::string& key, std::string_view decoded, message::Collation collation) {
  key += collation_key(decoded, collation);
  key += '\0';
}

void append_criterion(std::string& key, SortBy by, const Entry& entry, const Envelope& envelope, message::ImapForm form,
                      message::Collation collation, std::uint8_t score) {
  switch (by) {
    case SortBy::arrival: return append_number_key(key, entry.date.seconds);
    case SortBy::cc: return append_text_key(key, envelope.cc.mailbox.value_or(""), collation);
    case SortBy::date: return append_number_key(key, sent_seconds(envelope.date, entry.date));
    case SortBy::display_from: return append_text_key(key, display_value(envelope.from), collation);
    case SortBy::display_to: return append_text_key(key, display_value(envelope.to), collation);
    case SortBy::from: return append_text_key(key, envelope.from.mailbox.value_or(""), collation);
    // RFC 6203 §6: the highest first.
    case SortBy::relevancy: return append_number_key(key, -std::int64_t{score});
    case SortBy::size: return append_number_key(key, entry.octets(form));
    case SortBy::subject:
      return append_text_key(key, message::base_subject(message::decode_text(envelope.subject)).text, collation);
    case SortBy::to: return append_text_key(key, envelope.to.mailbox.value_or(""), collation);
  }
}

/// A message with its key, whose first octets are a number: most comparisons need no more.
struct Row {
  std::uint64_t head = 0;
  std::string_view key;
  Sorted message;
};

std::uint64_t head_of(std::string_view key) {
  std::uint64_t head = 0;
  for (std::size_t i = 0; i < 8; ++i) head = head << 8 | (i < key.size() ? static_cast<unsigned char>(key[i]) : 0);
  return head;
}

}  // namespace

std::uint32_t sort_texts(std::span<const SortCriterion> criteria) {
  return std::ranges::any_of(criteria, needs_envelope, &SortCriterion::by) ? kFetchEnvelope : 0;
}

std::string sort_key(const Entry& entry, const MessageTexts& texts, std::span<const SortCriterion> criteria,
                     message::ImapForm form, message::Collation collation, std::uint8_t score) {
  const auto envelope = read_envelope(texts.envelope);
  std::string key;
  for (const auto& criterion : criteria) {
    const auto begin = key.size();
    append_criterion(key, criterion.by, entry, envelope, form, collation, score);
    if (criterion.order == SortCriterion::Order::ascending) continue;
    for (auto at = begin; at < key.size(); ++at) key[at] = static_cast<char>(~key[at]);
  }
  return key;
}

io::Task<Result<std::vector<Sorted>>> sort_found(Session& session, const SearchResult& found,
                                                 std::span<const SortCriterion> criteria) {
  OctetKeeper keeper;
  std::vector<Row> rows;
  const auto form = session.strings();
  auto visit = [&](const Target& target, const MessageTexts& texts) -> Result<void> {
    TRY(keeper.count(2 * sizeof(Row)));
    const auto score = found.score_of(target.entry.uid);
    const auto key = TRY(keeper.keep(sort_key(target.entry, texts, criteria, form, session.collation, score)));
    rows.push_back({head_of(key), key, {target.entry.uid, target.sequence, score}});
    return {};
  };
  CO_TRY(co_await visit_found(session, found.uids, sort_texts(criteria), visit));
  co_await sort_in_slices(rows, [](const Row& a, const Row& b) {
    if (a.head != b.head) return a.head < b.head;
    const auto keys = a.key.compare(b.key);
    return keys != 0 ? keys < 0 : a.message.uid < b.message.uid;
  });
  std::vector<Sorted> order;
  order.reserve(rows.size());
  for (const auto& row : rows) order.push_back(row.message);
  co_return order;
}

}  // namespace angarium::protocol::imap
