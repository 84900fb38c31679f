#include "protocol/imap/searcher.h"

#include <algorithm>
#include <bit>

#include "base/text.h"
#include "message/charset.h"
#include "message/fuzzy.h"
#include "protocol/imap/progress.h"

namespace angarium::protocol::imap {
namespace {

using Key = SearchNode::Key;

template <class Visit>
void each_bit(std::uint64_t mask, Visit&& visit) {
  for (; mask != 0; mask &= mask - 1) visit(static_cast<std::size_t>(std::countr_zero(mask)));
}

/// The strings of the program from the command's charset to UTF-8.
Result<void> recode(SearchNode& node, std::string_view charset) {
  if (node.reads_messages) {
    const bool utf8 = charset.empty() || charset == "UTF-8" || charset == "US-ASCII";
    if (!utf8) node.value = message::to_utf8(node.value, charset);
    if (!valid_utf8(node.value)) return fail(kSyntax, "A search string is not UTF-8");
    // What has no words can only be looked for as it stands.
    if (node.fuzzy && node.children.empty()) node.fuzzy = !message::fuzzy_words(node.value).empty();
  }
  for (auto& child : node.children) TRY(recode(child, charset));
  if (!node.children.empty()) node.fuzzy = std::ranges::any_of(node.children, &SearchNode::fuzzy);
  return {};
}

TextKey text_key(const SearchNode& node, const SearchProgram& program) {
  return {.key = node.key,
          .name = node.name,
          .value = node.value,
          .day = node.day,
          .collation = program.collation,
          .fuzzy = node.fuzzy};
}

bool is_collated(Key key) {
  return key != Key::sent_before && key != Key::sent_on && key != Key::sent_since && key != Key::email_id &&
         key != Key::thread_id;
}

/// The day as it is told, in the zone it is told in.
std::int64_t day_of(const InternalDate& date) {
  const auto seconds = date.seconds + date.zone_minutes * 60;
  return (seconds >= 0 ? seconds : seconds - 86399) / 86400;
}

std::int64_t saved_day(const Entry& entry) {
  return day_of(entry.saved ? InternalDate{.seconds = *entry.saved} : entry.date);
}

}  // namespace

std::uint8_t SearchResult::score_of(std::uint32_t uid) const {
  const auto at = std::ranges::lower_bound(scores, uid, {}, &Scored::uid);
  return at != scores.end() && at->uid == uid ? at->score : kFullScore;
}

Result<Searcher::Ready> Searcher::prepare(const SearchNode& node) const {
  Ready ready{.node = &node};
  const auto& selected = selected_;
  // RFC 9586 §3.5. "$" names messages, not numbers.
  if (node.key == Key::sequence && !node.set.saved && session_.has(kUidOnly))
    return fail(kUidRequired, "Message numbers are not allowed once UIDONLY is enabled; search for UID");
  if (node.key == Key::sequence || node.key == Key::uid) {
    const auto addressing = node.key == Key::uid ? Addressing::uid : Addressing::sequence;
    // RFC 7377 §2: of any search, numbers that reach beyond the mailbox are no error.
    ready.set = selected.resolve_there(node.set, addressing);
  }
  if (node.key == Key::keyword) {
    const auto names = selected.view().keywords();
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (equals_ignore_case(names[i], node.name)) ready.keyword = i;
    }
  }
  ready.children.reserve(node.children.size());
  for (const auto& child : node.children) ready.children.push_back(TRY(prepare(child)));
  return ready;
}

io::Task<Result<void>> Searcher::ask_ahead(Ready& ready) {
  const auto& node = *ready.node;
  if (!node.reads_messages) co_return Result<void>();
  for (auto& child : ready.children) CO_TRY(co_await ask_ahead(child));
  if (ready.children.empty() && node.key != Key::email_id && node.key != Key::thread_id)
    ready.candidates = CO_TRY(co_await selected_.mailbox().candidates(text_key(node, program_)));
  co_return Result<void>();
}

Searcher::Mask Searcher::judged(const Ready& ready, Mask among, Candidates::Verdict verdict) const {
  Mask found = 0;
  each_bit(among, [&](std::size_t place) { found |= Mask{ready.candidates->of(batch_[place]) == verdict} << place; });
  return found;
}

bool Searcher::holds(const Ready& ready, std::size_t place) const {
  const auto& node = *ready.node;
  const auto& entry = batch_[place];
  const auto& selected = selected_;
  switch (node.key) {
    case Key::flag: return (entry.flags & node.flags) != 0;
    case Key::recent: return selected.recent().contains(entry.uid);
    case Key::fresh: return (entry.flags & kSeen) == 0 && selected.recent().contains(entry.uid);
    case Key::keyword:
      if (ready.keyword == SIZE_MAX) return false;
      if (ready.keyword < 64) return (entry.keywords >> ready.keyword & 1) != 0;
      if (!entry.spilled) return false;
      for (const auto index : selected.view().spilled_keywords(entry)) {
        if (index == ready.keyword) return true;
      }
      return false;
    // RFC 9051 §6.4.4: the date of INTERNALDATE, time and zone disregarded.
    case Key::before: return day_of(entry.date) < node.day.days;
    case Key::on: return day_of(entry.date) == node.day.days;
    case Key::since: return day_of(entry.date) >= node.day.days;
    // RFC 8514 §4.3: INTERNALDATE stands in where no save date is known.
    case Key::saved_before: return saved_day(entry) < node.day.days;
    case Key::saved_on: return saved_day(entry) == node.day.days;
    case Key::saved_since: return saved_day(entry) >= node.day.days;
    // RFC 5032 §2: by the moment itself.
    case Key::older: return entry.date.seconds <= now_ - static_cast<std::int64_t>(node.number);
    case Key::younger: return entry.date.seconds >= now_ - static_cast<std::int64_t>(node.number);
    case Key::larger: return entry.octets(session_.strings()) > node.number;
    case Key::smaller: return entry.octets(session_.strings()) < node.number;
    case Key::sequence:
    case Key::uid:
      return ready.set.numbers.contains(ready.set.addressing == Addressing::uid ? entry.uid : sequence_[place]);
    case Key::uid_after: return entry.uid > node.number;
    case Key::uid_before: return entry.uid < node.number;
    case Key::modseq: return entry.modseq >= node.number;
    default: return false;
  }
}

Searcher::Mask Searcher::look(const Ready& ready, Mask among) const {
  switch (ready.node->key) {
    case Key::all: return among;
    case Key::both: {
      for (const auto& child : ready.children) among = among == 0 ? 0 : look(child, among);
      return among;
    }
    case Key::either: {
      const auto first = look(ready.children[0], among);
      return first | look(ready.children[1], among & ~first);
    }
    case Key::negation: return among & ~look(ready.children[0], among);
    default: {
      Mask found = 0;
      each_bit(among, [&](std::size_t place) { found |= Mask{holds(ready, place)} << place; });
      return found;
    }
  }
}

io::Task<Result<Searcher::Mask>> Searcher::ask(const Ready& ready, Mask among, Scores* scores) {
  const auto& node = *ready.node;
  std::vector<Entry> entries;
  std::vector<std::size_t> places;
  each_bit(among, [&](std::size_t place) {
    entries.push_back(batch_[place]);
    places.push_back(place);
  });
  auto& mailbox = selected_.mailbox();
  Mask found = 0;
  if (node.key == Key::email_id || node.key == Key::thread_id) {
    const bool email = node.key == Key::email_id;
    const auto texts =
        CO_TRY(co_await mailbox.texts(entries, email ? kFetchEmailId : kFetchThreadId, session_.strings()));
    for (std::size_t i = 0; i < places.size(); ++i) {
      const auto& text = email ? texts.messages[i].email_id : texts.messages[i].thread_id;
      if (!text.empty() && text == node.name) found |= Mask{1} << places[i];
    }
    co_return found;
  }
  auto key = text_key(node, program_);
  if (ready.candidates) key.weights = ready.candidates->weights();
  key.given_up = [&session = session_] { return session.abandoned(); };
  const auto matches = co_await mailbox.match(entries, key);
  if (!matches && session_.abandoned()) co_return fail(kSessionOver, "nobody waits for this search any more");
  if (!matches) co_return std::unexpected(matches.error());
  for (std::size_t i = 0; i < places.size(); ++i) {
    if ((*matches)[i] == 0) continue;
    found |= Mask{1} << places[i];
    if (node.fuzzy && scores != nullptr) scores->add(places[i], static_cast<unsigned char>((*matches)[i]));
  }
  co_return found;
}

io::Task<Result<Searcher::Mask>> Searcher::both(const Ready& ready, Mask among, Scores* scores) {
  // What costs nothing comes first, so that few messages are read.
  for (const auto& child : ready.children) {
    if (!child.node->reads_messages) among = look(child, among);
  }
  for (const auto& child : ready.children) {
    if (child.candidates) among &= ~judged(child, among, Candidates::Verdict::no);
  }
  for (const auto& child : ready.children) {
    if (child.node->reads_messages && among != 0) among = CO_TRY(co_await evaluate(child, among, scores));
  }
  co_return among;
}

io::Task<Result<Searcher::Mask>> Searcher::either(const Ready& ready, Mask among, Scores* scores) {
  const bool second_is_cheap = !ready.children[1].node->reads_messages;
  const auto& first = ready.children[second_is_cheap ? 1 : 0];
  const auto& second = ready.children[second_is_cheap ? 0 : 1];
  if (scores == nullptr || !ready.node->fuzzy) {
    const auto found = CO_TRY(co_await evaluate(first, among, nullptr));
    co_return found | CO_TRY(co_await evaluate(second, among & ~found, nullptr));
  }
  // Who matches both counts by the better one; what is not FUZZY matches fully.
  const auto by_first = std::make_unique<Scores>();
  const auto by_second = std::make_unique<Scores>();
  const auto found = CO_TRY(co_await evaluate(first, among, by_first.get()));
  const auto also = CO_TRY(co_await evaluate(second, among, by_second.get()));
  each_bit(found | also, [&](std::size_t place) {
    const unsigned one = (found >> place & 1) != 0 ? by_first->mean(place) : 0;
    const unsigned other = (also >> place & 1) != 0 ? by_second->mean(place) : 0;
    scores->add(place, std::max(one, other));
  });
  co_return found | also;
}

io::Task<Result<Searcher::Mask>> Searcher::by_candidates(const Ready& ready, Mask among, Scores* scores) {
  const auto& node = *ready.node;
  // The other collations tell more texts apart: what is found by i;unicode-casemap has to be looked at. FUZZY
  // disregards them (RFC 6203 §3).
  if (program_.collation != message::Collation::unicode_casemap && is_collated(node.key) && !node.fuzzy) {
    const auto none = judged(ready, among, Candidates::Verdict::no);
    co_return none == among ? Mask{0} : co_await ask(ready, among & ~none, scores);
  }
  const auto known = judged(ready, among, Candidates::Verdict::yes);
  if (node.fuzzy && scores != nullptr)
    each_bit(known, [&](std::size_t place) { scores->add(place, ready.candidates->score(batch_[place])); });
  const auto unknown = judged(ready, among & ~known, Candidates::Verdict::look);
  if (unknown == 0) co_return known;
  co_return known | CO_TRY(co_await ask(ready, unknown, scores));
}

io::Task<Result<Searcher::Mask>> Searcher::evaluate(const Ready& ready, Mask among, Scores* scores) {
  if (among == 0) co_return Mask{0};
  if (!ready.node->reads_messages) co_return look(ready, among);
  switch (ready.node->key) {
    case Key::both: co_return co_await both(ready, among, scores);
    case Key::either: co_return co_await either(ready, among, scores);
    case Key::negation: co_return among & ~CO_TRY(co_await evaluate(ready.children[0], among, nullptr));
    default: break;
  }
  if (ready.candidates) co_return co_await by_candidates(ready, among, scores);
  co_return co_await ask(ready, among, scores);
}

bool Searcher::given_up(bool began) const { return session_.stopping || (began && session_.abandoned()); }

bool Searcher::enough(const SearchResult& found) const {
  // MIN alone is known with the first message; a context has to know all.
  return program_.extended && !program_.update && (program_.returns & ~kReturnSave) == kReturnMin &&
         !found.uids.empty();
}

io::Task<Result<void>> Searcher::find(const Ready& ready, SearchResult& result) {
  const auto all = count_ == kBatch ? ~Mask{0} : (Mask{1} << count_) - 1;
  const auto scores = program_.uses_fuzzy ? std::make_unique<Scores>() : nullptr;
  const auto found = CO_TRY(co_await evaluate(ready, all, scores.get()));
  each_bit(found, [&](std::size_t place) {
    const auto& entry = batch_[place];
    result.uids.add(entry.uid);
    result.numbers.add(sequence_[place]);
    result.modseq_max = std::max(result.modseq_max, entry.modseq);
    if (scores) result.scores.push_back({entry.uid, static_cast<std::uint8_t>(scores->mean(place))});
  });
  co_return Result<void>{};
}

io::Task<Result<void>> Searcher::run_all(const Ready& ready, SearchResult& result) {
  const auto& view = selected_.view();
  for (std::size_t index = 0; !enough(result); index += count_) {
    count_ = view.read(index, batch_);
    if (count_ == 0) break;
    if (given_up(index != 0 && ready.node->reads_messages))
      co_return fail(kSessionOver, "the session ends amid a search");
    if (session_.progress != nullptr) session_.progress->at(index, view.size());
    if (index / kBatch % kBatchesAtOnce == kBatchesAtOnce - 1) co_await io::Loop::current().yield();
    for (std::size_t place = 0; place < count_; ++place) sequence_[place] = selected_.sequence_of(index + place);
    CO_TRY(co_await find(ready, result));
  }
  co_return Result<void>{};
}

io::Task<Result<void>> Searcher::run_among(const Ready& ready, const NumberSet& among, SearchResult& result) {
  Cursor cursor(selected_, {.numbers = among, .addressing = Addressing::uid});
  static_assert(Cursor::kBatch <= kBatch);
  std::size_t batches = 0;
  for (auto batch = cursor.next(); !batch.empty(); batch = cursor.next()) {
    if (++batches % kBatchesAtOnce == 0) co_await io::Loop::current().yield();
    if (given_up(batches != 1 && ready.node->reads_messages))
      co_return fail(kSessionOver, "the session ends amid a search");
    count_ = 0;
    for (const auto& target : batch) {
      if (target.ghost) continue;
      batch_[count_] = target.entry;
      sequence_[count_++] = target.sequence;
    }
    if (count_ != 0) CO_TRY(co_await find(ready, result));
  }
  co_return Result<void>{};
}

io::Task<Result<SearchResult>> Searcher::run(const NumberSet* among) {
  auto ready = CO_TRY(prepare(program_.root));
  SearchResult result;
  if (among == nullptr) {
    if (selected_.view().size() >= kAskAheadMin) CO_TRY(co_await ask_ahead(ready));
    CO_TRY(co_await run_all(ready, result));
  } else {
    CO_TRY(co_await run_among(ready, *among, result));
  }
  co_return result;
}

io::Task<Result<void>> use_filters(Session& session, Parser& parser) {
  const auto is_there =
      std::ranges::search(parser.rest(), "FILTER "sv, [](char a, char b) { return to_upper(a) == b; });
  if (is_there.empty()) co_return Result<void>{};
  auto all = CO_TRY(co_await session.account->annotations(std::string()));
  parser.use_filters(std::make_shared<const std::vector<Annotation>>(std::move(all)));
  co_return Result<void>{};
}

Result<void> prepare_program(Session& session, SearchProgram& program) {
  if (program.uses_filter) {
    if (!program.charset.empty() && program.charset != "UTF-8" && program.charset != "US-ASCII")
      return fail(kFilterCharset, "Filters are UTF-8");
    program.charset = "UTF-8";
  }
  if (!program.charset.empty()) {
    // RFC 6855 §3: strings are UTF-8 then, and a charset may not be named.
    if (session.has(kUtf8Accept) && program.charset != "UTF-8" && !program.charset_required)
      return fail(kSyntax, "CHARSET is UTF-8 after ENABLE UTF8=ACCEPT");
    const bool known = message::known_charset(program.charset);
    if (!known) return fail(kBadCharset, "Unknown charset");
  }
  TRY(recode(program.root, program.charset));
  program.collation = session.collation;
  if (program.uses_modseq) session.enable_condstore();
  return {};
}

io::Task<Result<SearchResult>> find_messages(Session& session, SearchProgram& program) {
  CO_TRY(prepare_program(session, program));
  co_return co_await Searcher(session, *session.selected, program).run();
}

}  // namespace angarium::protocol::imap
