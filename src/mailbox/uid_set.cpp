#include "mailbox/uid_set.h"

#include <algorithm>

#include "base/text.h"
#include "mailbox/codec.h"

namespace angarium::mailbox {

void UidSet::add(UidRange range) {
  if (range.first == 0 || range.last < range.first) return;
  if (ranges_.empty() || range.first > ranges_.back().last) {
    if (!ranges_.empty() && range.first - 1 == ranges_.back().last)
      ranges_.back().last = range.last;
    else
      ranges_.push_back(range);
    return;
  }
  // The first range that ends at or beyond the octet before the new one; all that the new one touches become one.
  auto begin = std::lower_bound(ranges_.begin(), ranges_.end(), range.first,
                                [](const UidRange& r, Uid first) { return r.last < first - 1; });
  auto end = begin;
  while (end != ranges_.end() && (range.last == kUidMax || end->first <= range.last + 1)) {
    range.first = std::min(range.first, end->first);
    range.last = std::max(range.last, end->last);
    ++end;
  }
  if (begin == end) {
    ranges_.insert(begin, range);
  } else {
    *begin = range;
    ranges_.erase(begin + 1, end);
  }
}

bool UidSet::contains(Uid uid) const {
  auto it = std::lower_bound(ranges_.begin(), ranges_.end(), uid, [](const UidRange& r, Uid u) { return r.last < u; });
  return it != ranges_.end() && it->first <= uid;
}

std::uint64_t UidSet::count() const {
  std::uint64_t total = 0;
  for (const auto [first, last] : ranges_) total += std::uint64_t{last} - first + 1;
  return total;
}

std::string UidSet::text() const {
  std::string result;
  for (const auto [first, last] : ranges_) {
    if (!result.empty()) result.push_back(',');
    result += std::to_string(first);
    if (last != first) result += ":" + std::to_string(last);
  }
  return result;
}

namespace {
constexpr ErrorKind kBadSet{"mailbox.bad-uid-set", Fault::syntax, Lasting::permanent};
}

Result<UidSet> UidSet::parse(std::string_view text) {
  UidSet set;
  while (!text.empty()) {
    std::string_view item = take_until(text, ',');
    const auto first = parse_number<Uid>(take_until(item, ':'));
    const auto last = item.empty() ? first : parse_number<Uid>(item);
    if (!first || !last || *first == 0 || *last == 0) return fail(kBadSet, "not a set of UIDs");
    set.add({std::min(*first, *last), std::max(*first, *last)});
  }
  return set;
}

void UidSet::encode(std::string& out) const {
  Uid before = 0;
  for (const auto [first, last] : ranges_) {
    put_number(out, first - before);
    put_number(out, last - first);
    before = last;
  }
}

Result<UidSet> UidSet::decode(std::string_view octets) {
  UidSet set;
  RecordReader reader(octets);
  std::uint64_t before = 0;
  while (!reader.at_end()) {
    const std::uint64_t first = before + reader.number_up_to(kUidMax);
    const std::uint64_t last = first + reader.number_up_to(kUidMax);
    if (!reader.ok() || first == before || last > kUidMax) return fail(kDamaged, "a UID set is damaged");
    set.add({static_cast<Uid>(first), static_cast<Uid>(last)});
    before = last;
  }
  if (!reader.ok()) return fail(kDamaged, "a UID set is damaged");
  return set;
}

UidSet intersection(const UidSet& a, const UidSet& b) {
  UidSet result;
  auto x = a.ranges().begin();
  auto y = b.ranges().begin();
  while (x != a.ranges().end() && y != b.ranges().end()) {
    const Uid first = std::max(x->first, y->first);
    const Uid last = std::min(x->last, y->last);
    if (first <= last) result.add({first, last});
    if (x->last < y->last)
      ++x;
    else
      ++y;
  }
  return result;
}

UidSet difference(const UidSet& a, const UidSet& b) {
  UidSet result;
  auto y = b.ranges().begin();
  for (const auto [first, last] : a.ranges()) {
    std::uint64_t at = first;
    while (y != b.ranges().end() && y->last < first) ++y;
    for (auto hole = y; hole != b.ranges().end() && hole->first <= last && at <= last; ++hole) {
      if (hole->first > at) result.add({static_cast<Uid>(at), hole->first - 1});
      at = std::max(at, std::uint64_t{hole->last} + 1);
    }
    if (at <= last) result.add({static_cast<Uid>(at), last});
  }
  return result;
}

}  // namespace angarium::mailbox
