#include "protocol/imap/selected.h"

#include <algorithm>
#include <array>

#include "protocol/imap/contexts.h"

namespace angarium::protocol::imap {

Selected::Selected(std::shared_ptr<Mailbox> mailbox, std::shared_ptr<const View> view, io::Event& changed)
    : mailbox_(std::move(mailbox)), view_(std::move(view)), watcher_(mailbox_->watch(changed)) {
  show_from = view_->uid_next();
  claim_recent();
}

Selected::~Selected() = default;

NumberSet Selected::ghost_uids() const {
  NumberSet uids;
  for (const auto& ghost : ghosts_) uids.add(ghost.entry.uid);
  return uids;
}

std::uint32_t Selected::max_uid() const {
  std::uint32_t max = ghosts_.empty() ? 0 : ghosts_.back().entry.uid;
  if (const auto size = view_->size(); size > 0) {
    std::array<Entry, 1> last;
    view_->read(size - 1, last);
    max = std::max(max, last[0].uid);
  }
  return max;
}

void Selected::claim_recent() {
  const auto top = view_->uid_next() - 1;
  const auto above = mailbox_->recent_above(top);
  if (above >= top) return;
  // Only UIDs that are there: the set then stays small and can be counted.
  std::array<Entry, Cursor::kBatch> batch;
  for (auto index = view_->lower_bound(above + 1);;) {
    const auto count = view_->read(index, batch);
    if (count == 0) break;
    for (std::size_t i = 0; i < count; ++i) recent_.add(batch[i].uid);
    index += count;
  }
}

std::uint32_t Selected::recent_count() const { return static_cast<std::uint32_t>(recent_.count()); }

void Selected::bury(const std::vector<Entry>& expunged) {
  if (expunged.empty()) return;
  if (ghosts_.empty()) modseq_before_ghosts_ = view_->highest_modseq();
  std::vector<Ghost> all;
  all.reserve(ghosts_.size() + expunged.size());
  auto old = ghosts_.begin();
  for (const auto& entry : expunged) {
    while (old != ghosts_.end() && old->entry.uid < entry.uid) all.push_back(*old++);
    // Its place in the old view plus the ghosts before it.
    const auto before = static_cast<std::size_t>(old - ghosts_.begin());
    all.push_back({static_cast<std::uint32_t>(view_->lower_bound(entry.uid) + before), entry});
  }
  all.insert(all.end(), old, ghosts_.end());
  ghosts_ = std::move(all);
}

News Selected::adopt(bool& alive) {
  News news;
  auto newer = mailbox_->view();
  alive = newer != nullptr;
  if (newer == nullptr || newer == view_) return news;
  news.newer = true;
  const auto delta = mailbox_->delta(*view_, *newer);
  bury(delta.expunged);
  const auto before = view_->size() - delta.expunged.size();
  news.arrived = newer->size() > before;
  view_ = std::move(newer);
  if (news.arrived) claim_recent();
  news.changed.reserve(delta.changed.size());
  for (const auto uid : delta.changed) {
    if (auto target = find(uid)) news.changed.push_back(*target);
  }
  return news;
}

std::vector<Target> Selected::take_ghosts() {
  std::vector<Target> told;
  told.reserve(ghosts_.size());
  NumberSet gone;
  for (const auto& ghost : ghosts_) {
    told.push_back({.sequence = ghost.index + 1, .ghost = true, .entry = ghost.entry});
    gone.add(ghost.entry.uid);
  }
  ghosts_ = {};
  if (!gone.empty()) {
    recent_ = recent_.difference(gone);
    // RFC 5182 §2.1: expunged messages leave the saved result.
    saved = saved.difference(gone);
  }
  return told;
}

std::size_t Selected::ghosts_before(std::size_t told) const {
  return static_cast<std::size_t>(std::ranges::lower_bound(ghosts_, told, {}, &Ghost::index) - ghosts_.begin());
}

std::uint32_t Selected::sequence_of(std::size_t index) const {
  // Ghost number g stands before view place index when its index is at most index + g.
  std::size_t low = 0;
  std::size_t high = ghosts_.size();
  while (low < high) {
    const auto middle = (low + high) / 2;
    if (ghosts_[middle].index <= index + middle) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return static_cast<std::uint32_t>(index + low + 1);
}

std::size_t Selected::told_lower_bound(std::uint32_t uid) const {
  const auto ghosts =
      std::ranges::lower_bound(ghosts_, uid, {}, [](const Ghost& g) { return g.entry.uid; }) - ghosts_.begin();
  return view_->lower_bound(uid) + static_cast<std::size_t>(ghosts);
}

std::size_t Selected::read(std::size_t told, std::span<Target> into) const {
  std::array<Entry, Cursor::kBatch> entries;
  std::size_t done = 0;
  auto ghost = ghosts_before(told);
  while (done < into.size()) {
    if (ghost < ghosts_.size() && ghosts_[ghost].index == told) {
      into[done++] = {.sequence = static_cast<std::uint32_t>(told + 1), .ghost = true, .entry = ghosts_[ghost++].entry};
      ++told;
      continue;
    }
    auto room = std::min(into.size() - done, entries.size());
    if (ghost < ghosts_.size()) room = std::min(room, ghosts_[ghost].index - told);
    const auto count = view_->read(told - ghost, std::span(entries).first(room));
    if (count == 0) break;
    for (std::size_t i = 0; i < count; ++i)
      into[done++] = {.sequence = static_cast<std::uint32_t>(++told), .ghost = false, .entry = entries[i]};
  }
  return done;
}

std::optional<Target> Selected::find(std::uint32_t uid) const {
  const auto index = view_->lower_bound(uid);
  std::array<Entry, 1> entry;
  if (view_->read(index, entry) == 0 || entry[0].uid != uid) return std::nullopt;
  return Target{.sequence = sequence_of(index), .ghost = false, .entry = entry[0]};
}

Result<Selected::Resolved> Selected::resolve(const SequenceSet& set, Addressing addressing) const {
  if (set.saved) return Resolved{saved, Addressing::uid};
  if (addressing == Addressing::uid) return Resolved{set.resolve(max_uid()), addressing};
  // RFC 9051 §9, seq-number: BAD for a number that is not there, "*" in an empty mailbox included.
  const auto count = exists();
  if (set.largest(count) > count) return fail(kSyntax, "No message has that sequence number");
  return Resolved{set.resolve(count), addressing};
}

Selected::Resolved Selected::resolve_there(const SequenceSet& set, Addressing addressing) const {
  if (set.saved) return {saved, Addressing::uid};
  if (addressing == Addressing::uid) return {set.resolve(max_uid()), addressing};
  const auto count = exists();
  if (count == 0) return {};
  return {set.resolve(count).intersection(NumberSet({{1, count}})), addressing};
}

NumberSet Selected::uids(const Resolved& resolved, bool& ghosts) const {
  NumberSet found;
  ghosts = false;
  Cursor cursor(*this, resolved);
  for (auto batch = cursor.next(); !batch.empty(); batch = cursor.next()) {
    for (const auto& target : batch) {
      if (target.ghost) {
        ghosts = true;
      } else {
        found.add(target.entry.uid);
      }
    }
  }
  return found;
}

std::span<Target> Cursor::next() {
  before_range_ = range_;
  before_number_ = number_;
  return read();
}

std::span<Target> Cursor::again() {
  range_ = before_range_;
  number_ = before_number_;
  return read();
}

std::span<Target> Cursor::read() {
  batch_.resize(kBatch);
  std::size_t done = 0;
  const auto ranges = resolved_.numbers.ranges();
  while (done < kBatch && range_ < ranges.size()) {
    const auto& range = ranges[range_];
    const auto number = std::max<std::uint64_t>(number_, range.first);
    const bool by_uid = resolved_.addressing == Addressing::uid;
    const auto told = by_uid ? selected_.told_lower_bound(static_cast<std::uint32_t>(number)) : number - 1;
    auto room = kBatch - done;
    room = static_cast<std::size_t>(std::min<std::uint64_t>(room, range.last - number + 1));
    auto count = selected_.read(told, std::span(batch_).subspan(done, room));
    const bool short_read = count < room;
    if (by_uid) {
      while (count > 0 && batch_[done + count - 1].entry.uid > range.last) --count;
    }
    const bool cut = by_uid && count < room;
    done += count;
    const auto last = count == 0 ? number : by_uid ? batch_[done - 1].entry.uid : number + count - 1;
    if (count == 0 || cut || short_read || last >= range.last) {
      ++range_;
      number_ = 0;
    } else {
      number_ = last + 1;
    }
  }
  batch_.resize(done);
  return batch_;
}

}  // namespace angarium::protocol::imap
