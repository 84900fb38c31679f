#include "protocol/imap/number_set.h"

#include <algorithm>
#include <charconv>

namespace angarium::protocol::imap {
namespace {

void append_number(std::string& out, std::uint32_t number) {
  char digits[10];
  auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, end);
}

}  // namespace

NumberSet::NumberSet(std::vector<Range> ranges) {
  std::ranges::sort(ranges, {}, &Range::first);
  ranges_.reserve(ranges.size());
  for (const auto& range : ranges) {
    if (!ranges_.empty() && range.first <= std::uint64_t{ranges_.back().last} + 1) {
      ranges_.back().last = std::max(ranges_.back().last, range.last);
    } else {
      ranges_.push_back(range);
    }
  }
}

std::uint64_t NumberSet::count() const {
  std::uint64_t total = 0;
  for (const auto& range : ranges_) total += std::uint64_t{range.last} - range.first + 1;
  return total;
}

bool NumberSet::contains(std::uint32_t number) const {
  auto after = std::ranges::upper_bound(ranges_, number, {}, &Range::first);
  return after != ranges_.begin() && number <= std::prev(after)->last;
}

void NumberSet::add(std::uint32_t number) { add(Range{number, number}); }

void NumberSet::add(Range range) {
  if (ranges_.empty() || range.first > std::uint64_t{ranges_.back().last} + 1) {
    ranges_.push_back(range);
    return;
  }
  if (range.first >= ranges_.back().first) {
    ranges_.back().last = std::max(ranges_.back().last, range.last);
    return;
  }
  auto at = std::ranges::upper_bound(ranges_, range.first, {}, &Range::first);
  if (at != ranges_.begin() && range.first <= std::uint64_t{std::prev(at)->last} + 1) {
    --at;
    at->last = std::max(at->last, range.last);
  } else {
    at = ranges_.insert(at, range);
  }
  auto next = std::next(at);
  while (next != ranges_.end() && next->first <= std::uint64_t{at->last} + 1) {
    at->last = std::max(at->last, next->last);
    ++next;
  }
  ranges_.erase(std::next(at), next);
}

NumberSet NumberSet::intersection(const NumberSet& other) const {
  NumberSet both;
  auto a = ranges_.begin();
  auto b = other.ranges_.begin();
  while (a != ranges_.end() && b != other.ranges_.end()) {
    const auto first = std::max(a->first, b->first);
    const auto last = std::min(a->last, b->last);
    if (first <= last) both.ranges_.push_back({first, last});
    if (a->last < b->last) {
      ++a;
    } else {
      ++b;
    }
  }
  return both;
}

NumberSet NumberSet::difference(const NumberSet& other) const {
  NumberSet rest;
  auto b = other.ranges_.begin();
  for (const auto& range : ranges_) {
    std::uint64_t first = range.first;
    while (b != other.ranges_.end() && b->last < first) ++b;
    for (auto cut = b; cut != other.ranges_.end() && cut->first <= range.last && first <= range.last; ++cut) {
      if (cut->first > first) rest.ranges_.push_back({static_cast<std::uint32_t>(first), cut->first - 1});
      first = std::uint64_t{cut->last} + 1;
    }
    if (first <= range.last) rest.ranges_.push_back({static_cast<std::uint32_t>(first), range.last});
  }
  return rest;
}

NumberSet NumberSet::slice(std::uint64_t begin, std::uint64_t end) const {
  NumberSet some;
  std::uint64_t place = 0;
  for (const auto& range : ranges_) {
    const auto after = place + (std::uint64_t{range.last} - range.first + 1);
    const auto from = std::max(begin, place);
    const auto to = std::min(end, after);
    if (from < to)
      some.ranges_.push_back({static_cast<std::uint32_t>(range.first + (from - place)),
                              static_cast<std::uint32_t>(range.first + (to - place) - 1)});
    place = after;
  }
  return some;
}

std::string NumberSet::text() const {
  std::string out;
  append_to(out);
  return out;
}

void NumberSet::append_to(std::string& out) const {
  bool first = true;
  for (const auto& range : ranges_) {
    if (!first) out += ',';
    first = false;
    append_number(out, range.first);
    if (range.last != range.first) {
      out += ':';
      append_number(out, range.last);
    }
  }
}

NumberSet SequenceSet::resolve(std::uint32_t max) const {
  std::vector<Range> meant;
  meant.reserve(ranges.size());
  for (const auto& range : ranges) {
    const auto a = range.first == 0 ? max : range.first;
    const auto b = range.last == 0 ? max : range.last;
    if (a == 0 || b == 0) continue;
    meant.push_back({std::min(a, b), std::max(a, b)});
  }
  return NumberSet(std::move(meant));
}

std::uint32_t SequenceSet::largest(std::uint32_t max) const {
  std::uint32_t most = 0;
  for (const auto& range : ranges) {
    if (range.first == 0 || range.last == 0) most = std::max({most, max, std::uint32_t{1}});
    most = std::max({most, range.first, range.last});
  }
  return most;
}

}  // namespace angarium::protocol::imap
