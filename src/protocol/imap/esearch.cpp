#include "protocol/imap/esearch.h"

#include <algorithm>

namespace angarium::protocol::imap {
namespace {

/// Whether all that was found counts, and not only what MIN, MAX and PARTIAL
/// tell.
bool tells_all(std::uint8_t returns) {
  return (returns & (kReturnAll | kReturnCount)) != 0 || (returns & (kReturnMin | kReturnMax | kReturnPartial)) == 0;
}

std::uint64_t highest_modseq(const Selected& selected, const NumberSet& uids) {
  std::uint64_t highest = 0;
  Cursor cursor(selected, {.numbers = uids, .addressing = Addressing::uid});
  for (auto batch = cursor.next(); !batch.empty(); batch = cursor.next()) {
    for (const auto& target : batch) highest = std::max(highest, target.entry.modseq);
  }
  return highest;
}

/// score-list (RFC 6203 §7).
template <class Row>
std::string score_list(std::span<const Row> rows) {
  std::string out = "(";
  for (const auto& row : rows) {
    if (out.size() > 1) out += ' ';
    append_number(out, row.score);
  }
  return out += ')';
}

}  // namespace

std::string ordered_set(std::span<const Sorted> order, std::uint32_t Sorted::* number) {
  std::string out;
  for (std::size_t begin = 0; begin < order.size();) {
    auto end = begin + 1;
    while (end < order.size() && order[end].*number == order[end - 1].*number + 1) ++end;
    if (!out.empty()) out += ',';
    append_number(out, order[begin].*number);
    if (end - begin > 1) {
      out += ':';
      append_number(out, order[end - 1].*number);
    }
    begin = end;
  }
  return out;
}

void Correlator::append_to(std::string& out) const {
  // search-correlator (RFC 4466 §2.6.2, RFC 7377 §4)
  out += "* ESEARCH (TAG ";
  message::append_imap_string(out, tag, message::ImapForm::ascii);
  if (!mailbox.empty()) {
    ((out += " MAILBOX ") += mailbox) += " UIDVALIDITY ";
    append_number(out, uid_validity);
  }
  out += addressing == Addressing::uid ? ") UID" : ")";
}

Answer answer_of(const SearchResult& found, Addressing addressing, std::uint8_t returns, const ResultRange& partial) {
  const auto& numbers = addressing == Addressing::uid ? found.uids : found.numbers;
  Answer answer{.count = numbers.count(), .first = numbers.min(), .last = numbers.max()};
  if ((returns & kReturnAll) != 0) answer.all = numbers.text();
  if ((returns & kReturnPartial) != 0) {
    const auto places = partial.of(answer.count);
    answer.partial = numbers.slice(places.begin, places.end).text();
    answer.uids = found.uids.slice(places.begin, places.end);
  }
  if ((returns & kReturnRelevancy) != 0) {
    const auto told = (returns & kReturnPartial) != 0 ? partial.of(answer.count) : ResultRange::Places{0, answer.count};
    answer.scores = score_list(std::span(found.scores).subspan(told.begin, told.end - told.begin));
  }
  if ((returns & kReturnMin) != 0 && answer.count != 0) answer.uids.add(found.uids.min());
  if ((returns & kReturnMax) != 0 && answer.count != 0) answer.uids.add(found.uids.max());
  return answer;
}

Answer answer_of(std::span<const Sorted> order, Addressing addressing, std::uint8_t returns,
                 const ResultRange& partial) {
  const auto number = addressing == Addressing::uid ? &Sorted::uid : &Sorted::sequence;
  Answer answer{.count = order.size()};
  if ((returns & kReturnRelevancy) != 0) {
    const auto told = (returns & kReturnPartial) != 0 ? partial.of(answer.count) : ResultRange::Places{0, answer.count};
    answer.scores = score_list(order.subspan(told.begin, told.end - told.begin));
  }
  if (order.empty()) return answer;
  answer.first = order.front().*number;
  answer.last = order.back().*number;
  if ((returns & kReturnAll) != 0) answer.all = ordered_set(order, number);
  std::vector<Range> uids;
  if ((returns & kReturnPartial) != 0) {
    const auto places = partial.of(answer.count);
    const auto some = order.subspan(places.begin, places.end - places.begin);
    answer.partial = ordered_set(some, number);
    for (const auto& message : some) uids.push_back({message.uid, message.uid});
  }
  if ((returns & kReturnMin) != 0) uids.push_back({order.front().uid, order.front().uid});
  if ((returns & kReturnMax) != 0) uids.push_back({order.back().uid, order.back().uid});
  answer.uids = NumberSet(std::move(uids));
  return answer;
}

void tell_answer(Session& session, const Selected& selected, const Correlator& correlator, const SearchProgram& program,
                 std::uint8_t returns, const SearchResult& found, const Answer& answer) {
  // RFC 5182 §2.1: SAVE alone says nothing.
  if (returns == kReturnSave) return;
  auto& out = session.text();
  // Then the items (RFC 4731 §3.1).
  correlator.append_to(out);
  const bool any = answer.count != 0;
  const auto item = [&](SearchReturn bit, std::string_view name, std::uint64_t value) {
    if ((returns & bit) == 0 || (!any && bit != kReturnCount)) return;
    (out += ' ') += name;
    out += ' ';
    append_number(out, value);
  };
  item(kReturnMin, "MIN", answer.first);
  item(kReturnMax, "MAX", answer.last);
  item(kReturnCount, "COUNT", answer.count);
  if ((returns & kReturnAll) != 0 && any) (out += " ALL ") += answer.all;
  if ((returns & kReturnPartial) != 0) {
    // RFC 9394 §3.1: NIL where no result is in the range.
    (out += " PARTIAL (") += program.partial.written;
    ((out += ' ') += answer.partial.empty() ? "NIL" : answer.partial) += ')';
  }
  if ((returns & kReturnRelevancy) != 0) (out += " RELEVANCY ") += answer.scores;
  // RFC 4731 §3.2: of all that was found, or of what is told.
  const auto modseq = !program.uses_modseq || !any ? 0
                      : tells_all(returns)         ? found.modseq_max
                                                   : highest_modseq(selected, answer.uids);
  if (modseq != 0) {
    out += " MODSEQ ";
    append_number(out, modseq);
  }
  out += "\r\n";
}

NumberSet to_save(const SearchResult& found, const Answer& answer, std::uint8_t returns) {
  return tells_all(returns) ? found.uids : answer.uids;
}

bool asks_to_save(Parser parser) {
  if (!parser.present("RETURN (")) return false;
  do {
    const auto option = parser.word();
    if (!option) return false;
    if (*option == "SAVE") return true;
    if (*option == "PARTIAL" && (!parser.present(' ') || !parser.partial_range())) return false;
  } while (parser.present(' '));
  return false;
}

std::unexpected<Error> refused(Session& session, Saving saving, Error error) {
  if (saving == Saving::yes && error.fault() != Fault::syntax) session.selected->saved.clear();
  return std::unexpected(std::move(error));
}

}  // namespace angarium::protocol::imap
