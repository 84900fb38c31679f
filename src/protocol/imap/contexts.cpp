#include "protocol/imap/contexts.h"

#include <algorithm>

#include "protocol/imap/sliced_sort.h"

namespace angarium::protocol::imap {
namespace {

using Key = SearchNode::Key;

/// RFC 5267 §4.3: numbers mean the messages they named when the command came, and so does "$".
Result<void> freeze(SearchNode& node, const Selected& selected) {
  if (node.key == Key::sequence || (node.key == Key::uid && node.set.saved)) {
    const auto resolved = selected.resolve_there(node.set, Addressing::sequence);
    bool ghosts = false;
    const auto uids = selected.uids(resolved, ghosts);
    node.key = Key::uid;
    node.set = {.ranges = {uids.ranges().begin(), uids.ranges().end()}};
  }
  for (auto& child : node.children) TRY(freeze(child, selected));
  return {};
}

/// Whether messages may come and go in the result though nothing happened to them: by age, and by "*".
bool moves(const SearchNode& node) {
  if (node.key == Key::older || node.key == Key::younger) return true;
  const auto star = [](const Range& range) { return range.first == 0 || range.last == 0; };
  if (node.key == Key::uid && std::ranges::any_of(node.set.ranges, star)) return true;
  return std::ranges::any_of(node.children, moves);
}

}  // namespace

// ---- Context --------------------------------------------------------------------------------------------------------

Result<Context> Context::make(const Session& session, const Correlator& correlator, SearchProgram program,
                              const SearchResult& found) {
  TRY(freeze(program.root, *session.selected));
  const bool moving = moves(program.root);
  // It would read the mailbox's messages at every change.
  if (moving && program.root.reads_messages)
    return fail(kLimit, "What depends on time or on \"*\" and on the texts of messages is not kept up to date");
  Context context(correlator, std::move(program), moving);
  context.uids_ = found.uids;
  return context;
}

io::Task<Result<std::vector<Context::Place>>> Context::places_of(Session& session, const NumberSet& uids,
                                                                 const SearchResult& scores) {
  std::vector<Place> places;
  std::size_t octets = 0;
  auto visit = [&](const Target& target, const MessageTexts& texts) -> Result<void> {
    const auto uid = target.entry.uid;
    places.push_back(
        {sort_key(target.entry, texts, criteria_, session.strings(), program_.collation, scores.score_of(uid)), uid});
    octets += sizeof(Place) + places.back().key.size();
    if (octets > kContextOctetsMax) return fail(kLimit, "Too many messages to keep them in order");
    return {};
  };
  CO_TRY(co_await visit_found(session, uids, sort_texts(criteria_), visit));
  co_return places;
}

io::Task<Result<void>> Context::put_in_order(Session& session, std::vector<SortCriterion> criteria,
                                             const SearchResult& found) {
  criteria_ = std::move(criteria);
  order_ = CO_TRY(co_await places_of(session, uids_, found));
  co_await sort_in_slices(order_, std::less<>());
  co_return Result<void>{};
}

std::size_t Context::octets() const {
  std::size_t octets = uids_.ranges().size() * sizeof(Range);
  for (const auto& place : order_) octets += sizeof(Place) + place.key.size();
  return octets;
}

io::Task<Result<void>> Context::refresh(Session& session, const NumberSet& changed, std::uint32_t fresh) {
  const auto& selected = *session.selected;
  gone_ = uids_.intersection(selected.ghost_uids());
  auto candidates = changed;
  candidates.add(Range{fresh, UINT32_MAX});
  const auto found = CO_TRY(co_await Searcher(session, selected, program_).run(moving_ ? nullptr : &candidates));
  const auto known = (moving_ ? uids_ : uids_.intersection(candidates)).difference(gone_);
  left_ = known.difference(found.uids);
  joined_ = found.uids.difference(uids_);
  if (!criteria_.empty()) joining_ = CO_TRY(co_await places_of(session, joined_, found));
  co_return Result<void>{};
}

void Context::append_set(std::string& out, const Selected& selected, const NumberSet& uids) const {
  if (correlator_.addressing == Addressing::uid) return uids.append_to(out);
  NumberSet numbers;
  uids.each([&](std::uint32_t uid) { numbers.add(selected.number_of(uid)); });
  numbers.append_to(out);
}

void Context::append_places(std::string& out, const Selected& selected, std::size_t position,
                            std::span<const Place> places) const {
  std::vector<Sorted> run;
  run.reserve(places.size());
  for (const auto& place : places) run.push_back({place.uid, selected.number_of(place.uid)});
  if (out.back() != '(') out += ' ';
  append_number(out, position);
  out += ' ';
  out += ordered_set(run, correlator_.addressing == Addressing::uid ? &Sorted::uid : &Sorted::sequence);
}

void Context::remove(Session& session, const NumberSet& uids) {
  auto& out = session.text();
  out += " REMOVEFROM (";
  if (criteria_.empty()) {
    // RFC 5267 §4.3.4: in mailbox order no place needs to be told.
    out += "0 ";
    append_set(out, *session.selected, uids);
  } else {
    // From the end, so that no place moves before it is told.
    for (auto end = order_.size(); end > 0;) {
      auto begin = end;
      while (begin > 0 && uids.contains(order_[begin - 1].uid)) --begin;
      if (begin < end) append_places(out, *session.selected, begin + 1, std::span(order_).subspan(begin, end - begin));
      end = begin == end ? end - 1 : begin;
    }
    std::erase_if(order_, [&](const Place& place) { return uids.contains(place.uid); });
  }
  out += ')';
  uids_ = uids_.difference(uids);
}

void Context::add(Session& session) {
  auto& out = session.text();
  out += " ADDTO (";
  if (criteria_.empty()) {
    out += "0 ";
    append_set(out, *session.selected, joined_);
  } else {
    std::ranges::sort(joining_, std::less<>());
    std::vector<Place> merged;
    merged.reserve(order_.size() + joining_.size());
    auto old = order_.begin();
    for (std::size_t i = 0; i < joining_.size();) {
      while (old != order_.end() && *old < joining_[i]) merged.push_back(std::move(*old++));
      const auto begin = i;
      while (i < joining_.size() && (old == order_.end() || joining_[i] < *old)) ++i;
      const auto run = std::span(joining_).subspan(begin, i - begin);
      append_places(out, *session.selected, merged.size() + 1, run);
      std::ranges::move(run, std::back_inserter(merged));
    }
    std::move(old, order_.end(), std::back_inserter(merged));
    order_ = std::move(merged);
    joining_.clear();
  }
  out += ')';
  for (const auto range : joined_.ranges()) uids_.add(range);
}

void Context::tell_gone(Session& session) {
  correlator_.append_to(session.text());
  remove(session, gone_);
  session.text() += "\r\n";
  gone_.clear();
}

void Context::tell_moved(Session& session) {
  correlator_.append_to(session.text());
  if (!left_.empty()) remove(session, left_);
  if (!joined_.empty()) add(session);
  session.text() += "\r\n";
  left_.clear();
  joined_.clear();
}

// ---- Contexts -------------------------------------------------------------------------------------------------------

bool Contexts::has(std::string_view tag) const { return std::ranges::find(all_, tag, &Context::tag) != all_.end(); }

Result<void> Contexts::add(Context context) {
  if (all_.size() >= kContextsMax) return fail(kLimit, "Too many contexts");
  auto octets = context.octets();
  for (const auto& other : all_) octets += other.octets();
  if (octets > kContextOctetsMax) return fail(kLimit, "The contexts of this mailbox are too large");
  all_.push_back(std::move(context));
  return {};
}

Result<void> Contexts::cancel(std::span<const std::string> tags) {
  for (const auto& tag : tags) {
    if (!has(tag)) return fail(kRefused, "No search with that tag is kept up to date");
  }
  std::erase_if(all_, [&](const Context& context) { return std::ranges::find(tags, context.tag()) != tags.end(); });
  return {};
}

void Contexts::note(const News& news) {
  due_ = due_ || news.newer;
  for (const auto& target : news.changed) changed_.add(target.entry.uid);
}

io::Task<Result<void>> Contexts::refresh(Session& session) {
  if (!std::exchange(due_, false)) co_return Result<void>{};
  const auto changed = std::exchange(changed_, {});
  came_from_ = std::exchange(fresh_, session.selected->view().uid_next());
  std::size_t octets = 0;
  for (std::size_t i = 0; i < all_.size();) {
    auto& context = all_[i];
    auto refreshed = co_await context.refresh(session, changed, came_from_);
    octets += context.octets();
    if (refreshed && octets > kContextOctetsMax) refreshed = fail(kLimit, "The contexts have grown too large");
    if (refreshed) {
      ++i;
      continue;
    }
    session.note(refreshed.error());
    refuse_updates(session, context.tag(), reply_to(refreshed.error()).text);
    all_.erase(all_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  co_return Result<void>{};
}

io::Task<Result<void>> Contexts::tell_gone(Session& session) {
  for (auto& context : all_) {
    if (!context.has_gone()) continue;
    context.tell_gone(session);
    CO_TRY(co_await session.room());
  }
  co_return Result<void>{};
}

std::vector<std::pair<NumberSet, const FetchProgram*>> Contexts::shown() const {
  std::vector<std::pair<NumberSet, const FetchProgram*>> all;
  for (const auto& context : all_) {
    if (context.wanted() == nullptr) continue;
    auto came = context.joined().intersection(NumberSet({{came_from_, UINT32_MAX}}));
    if (!came.empty()) all.emplace_back(std::move(came), context.wanted());
  }
  return all;
}

io::Task<Result<void>> Contexts::tell_moved(Session& session) {
  for (auto& context : all_) {
    if (!context.has_moved()) continue;
    context.tell_moved(session);
    CO_TRY(co_await session.room());
  }
  co_return Result<void>{};
}

void refuse_updates(Session& session, std::string_view tag, std::string_view why) {
  std::string code = "NOUPDATE ";
  message::append_imap_string(code, tag, message::ImapForm::ascii);
  session.untagged(Status::no, why, code);
}

bool tag_is_used(const Session& session, std::string_view tag) {
  return session.selected != nullptr && session.selected->contexts != nullptr && session.selected->contexts->has(tag);
}

io::Task<Result<void>> keep_updated(Session& session, const Correlator& correlator, SearchProgram program,
                                    const SearchResult& found, std::vector<SortCriterion> criteria) {
  auto& selected = *session.selected;
  auto context = Context::make(session, correlator, std::move(program), found);
  Result<void> kept;
  if (!context) kept = std::unexpected(context.error());
  if (kept && !criteria.empty()) kept = co_await context->put_in_order(session, std::move(criteria), found);
  if (selected.contexts == nullptr) selected.contexts = std::make_unique<Contexts>(selected.view().uid_next());
  if (kept) kept = selected.contexts->add(*std::move(context));
  if (selected.contexts->empty()) selected.contexts.reset();
  if (kept) co_return kept;
  session.note(kept.error());
  refuse_updates(session, correlator.tag, reply_to(kept.error()).text);
  co_return Result<void>{};
}

}  // namespace angarium::protocol::imap
