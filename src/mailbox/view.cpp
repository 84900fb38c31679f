#include "mailbox/view.h"

#include <algorithm>

namespace angarium::mailbox {

View::View(Numbers numbers, Blocks blocks, std::shared_ptr<const KeywordTable> keywords)
    : numbers_(numbers), blocks_(std::move(blocks)), keywords_(std::move(keywords)) {
  first_.reserve(blocks_.size() + 1);
  std::uint32_t before = 0;
  for (const auto& block : blocks_) {
    first_.push_back(before);
    before += static_cast<std::uint32_t>(block->entries().size());
    tally_ += block->tally();
  }
  first_.push_back(before);
}

std::size_t View::block_at(std::uint32_t sequence) const {
  return static_cast<std::size_t>(std::lower_bound(first_.begin(), first_.end(), sequence) - first_.begin()) - 1;
}

std::size_t View::block_from(std::uint32_t number) const {
  return static_cast<std::size_t>(
      std::lower_bound(blocks_.begin(), blocks_.end(), number,
                       [](const auto& block, std::uint32_t n) { return block->number() < n; }) -
      blocks_.begin());
}

const Entry& View::at(std::uint32_t sequence) const {
  const std::size_t block = block_at(sequence);
  return blocks_[block]->entries()[sequence - 1 - first_[block]];
}

std::uint32_t View::lower_bound(Uid uid) const {
  const std::size_t block = block_from(block_of(uid));
  if (block == blocks_.size()) return size() + 1;
  return first_[block] + 1 + static_cast<std::uint32_t>(blocks_[block]->lower_bound(uid));
}

const Entry* View::find(Uid uid) const {
  const std::size_t block = block_from(block_of(uid));
  return block == blocks_.size() ? nullptr : blocks_[block]->find(uid);
}

std::optional<std::uint32_t> View::sequence_of(Uid uid) const {
  const std::uint32_t sequence = lower_bound(uid);
  if (sequence > size() || at(sequence).uid != uid) return std::nullopt;
  return sequence;
}

KeywordSet View::keywords_of(const Entry& entry) const {
  if (!entry.spilled) return {.low = entry.keywords, .high = {}};
  return blocks_[block_from(block_of(entry.uid))]->keywords(entry);
}

Sizes View::sizes_of(const Entry& entry) const {
  if (!entry.ascii_form) return {entry.size, entry.size};
  return blocks_[block_from(block_of(entry.uid))]->sizes(entry);
}

std::optional<std::int64_t> View::saved_of(const Entry& entry) const {
  if (!entry.saved) return std::nullopt;
  if (!entry.saved_apart) return entry.date;
  return blocks_[block_from(block_of(entry.uid))]->saved(entry);
}

std::uint32_t View::first_unseen() const {
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    if (blocks_[b]->tally().unseen == 0) continue;
    const auto& entries = blocks_[b]->entries();
    const auto unseen = std::find_if(entries.begin(), entries.end(), [](const Entry& e) { return !e.has(kSeen); });
    return first_[b] + 1 + static_cast<std::uint32_t>(unseen - entries.begin());
  }
  return 0;
}

UidSet View::uids() const {
  UidSet set;
  for_each([&](std::uint32_t, const Entry& entry) { set.add(entry.uid); });
  return set;
}

namespace {

void compare(const Block& older, const Block& newer, ViewDifference& result) {
  auto a = older.entries().begin();
  auto b = newer.entries().begin();
  const auto a_end = older.entries().end();
  const auto b_end = newer.entries().end();
  while (a != a_end || b != b_end) {
    if (b == b_end || (a != a_end && a->uid < b->uid)) {
      result.expunged.add((a++)->uid);
    } else if (a == a_end || b->uid < a->uid) {
      result.appeared.add((b++)->uid);
    } else {
      if (a->modseq != b->modseq) result.changed.add(a->uid);
      ++a;
      ++b;
    }
  }
}

}  // namespace

ViewDifference difference(const View& older, const View& newer) {
  ViewDifference result;
  auto a = older.blocks().begin();
  auto b = newer.blocks().begin();
  const auto a_end = older.blocks().end();
  const auto b_end = newer.blocks().end();
  while (a != a_end || b != b_end) {
    if (b == b_end || (a != a_end && (*a)->number() < (*b)->number())) {
      compare(**a, Block((*a)->number()), result);
      ++a;
    } else if (a == a_end || (*b)->number() < (*a)->number()) {
      compare(Block((*b)->number()), **b, result);
      ++b;
    } else {
      if (*a != *b) compare(**a, **b, result);
      ++a;
      ++b;
    }
  }
  return result;
}

std::size_t Draft::index_of(std::uint32_t number) const {
  return static_cast<std::size_t>(
      std::lower_bound(blocks_.begin(), blocks_.end(), number,
                       [](const Held& held, std::uint32_t n) { return held.block->number() < n; }) -
      blocks_.begin());
}

Block& Draft::own(std::size_t index) {
  Held& held = blocks_[index];
  if (held.shared) held = {std::make_shared<Block>(*held.block), false};
  return *held.block;
}

void Draft::append(Block block) {
  if (!block.entries().empty()) blocks_.push_back({std::make_shared<Block>(std::move(block)), false});
}

/// Calls each(block, range) for the parts of the set that meet messages, with a block that may be changed.
template <class F>
Tally Draft::for_blocks(const UidSet& set, F&& each) {
  Tally tally;
  for (const UidRange range : set.ranges()) {
    for (std::size_t b = index_of(block_of(range.first)); b < blocks_.size(); ++b) {
      const Block& block = *blocks_[b].block;
      if (block.number() > block_of(range.last)) break;
      const std::size_t first = block.lower_bound(range.first);
      if (first == block.entries().size() || block.entries()[first].uid > range.last) continue;
      tally += each(own(b), range);
    }
  }
  return tally;
}

Tally Draft::apply(const Delta& delta) {
  Tally tally = for_blocks(
      delta.changed, [&](Block& block, UidRange range) { return block.change(delta.change, range, delta.modseq); });
  if (!delta.removed.empty()) {
    tally += for_blocks(delta.removed, [](Block& block, UidRange range) { return block.remove(range); });
    std::erase_if(blocks_, [](const Held& held) { return held.block->entries().empty(); });
  }
  for (const NewEntry& added : delta.added) {
    const std::uint32_t number = block_of(added.entry.uid);
    const std::size_t index = index_of(number);
    if (index == blocks_.size() || blocks_[index].block->number() != number)
      blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(index), {std::make_shared<Block>(number), false});
    tally += own(index).add(added);
  }
  return tally;
}

Draft Draft::fork() {
  Draft result;
  for (Held& held : blocks_) held.shared = true;
  result.blocks_ = blocks_;
  return result;
}

View::Blocks Draft::share() {
  View::Blocks result;
  result.reserve(blocks_.size());
  for (Held& held : blocks_) {
    held.shared = true;
    result.push_back(held.block);
  }
  return result;
}

const Entry* Draft::find(Uid uid) const {
  const std::size_t index = index_of(block_of(uid));
  return index == blocks_.size() ? nullptr : blocks_[index].block->find(uid);
}

NewEntry Draft::whole(const Entry& entry) const {
  NewEntry whole{.entry = entry, .keywords = keywords_of(entry), .growth = 0};
  if (entry.ascii_form) whole.growth = blocks_[index_of(block_of(entry.uid))].block->growth(entry);
  return whole;
}

KeywordSet Draft::keywords_of(const Entry& entry) const {
  if (!entry.spilled) return {.low = entry.keywords, .high = {}};
  return blocks_[index_of(block_of(entry.uid))].block->keywords(entry);
}

Tally Draft::tally() const {
  Tally tally;
  for (const Held& held : blocks_) tally += held.block->tally();
  return tally;
}

}  // namespace angarium::mailbox
