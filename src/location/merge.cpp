#include "location/merge.h"

#include <algorithm>
#include <unordered_map>

#include "box/box.h"
#include "mailbox/flags.h"

namespace angarium::location {
namespace {

constexpr std::size_t kAbsent = SIZE_MAX;

Flags merged(Flags before, Flags here, Flags there) {
  const Flags changed_here = here ^ before;
  return (here & changed_here) | (there & ~changed_here);
}

/// For each pair its message in the box, or kAbsent.
std::vector<std::size_t> partners(const std::vector<Pair>& pairs, const std::vector<bool>& is_here,
                                  const std::vector<There>& there) {
  struct Group {
    std::vector<std::size_t> pairs;
    std::vector<std::size_t> there;
  };
  std::unordered_map<std::string_view, Group> groups;
  groups.reserve(there.size());
  for (std::size_t i = 0; i < there.size(); ++i) groups[there[i].name].there.push_back(i);
  std::vector<std::size_t> partner(pairs.size(), kAbsent);
  for (std::size_t p = 0; p < pairs.size(); ++p)
    if (const auto group = groups.find(pairs[p].name); group != groups.end()) group->second.pairs.push_back(p);
  for (auto& [name, group] : groups) {
    if (group.there.size() < group.pairs.size())
      std::ranges::sort(group.pairs,
                        [&](std::size_t a, std::size_t b) { return is_here[a] != is_here[b] ? is_here[a] : a < b; });
    for (std::size_t i = 0; i < std::min(group.pairs.size(), group.there.size()); ++i)
      partner[group.pairs[i]] = group.there[i];
  }
  return partner;
}

}  // namespace

Flags shared_keywords(const KeywordNames& names) {
  Flags shared = 0;
  for (const std::string& name : names) shared |= keyword_bit(names, name);
  return shared;
}

Flags keyword_bit(const KeywordNames& names, std::string_view name) {
  if (!mailbox::valid_keyword(name) || box::is_forwarded(name)) return 0;
  const auto place = box::find_name(names, name);
  return place ? Flags{1} << (kKeywordShift + *place) : 0;
}

Plan merge(const std::vector<Pair>& pairs, const std::vector<Here>& here, const std::vector<There>& there,
           Flags shared) {
  Plan plan;
  std::vector<bool> is_here(pairs.size());
  std::vector<Flags> flags_here(pairs.size());
  auto at = here.begin();
  for (std::size_t p = 0; p < pairs.size(); ++p) {
    for (; at != here.end() && at->uid < pairs[p].uid; ++at) plan.give.push_back(at->uid);
    is_here[p] = at != here.end() && at->uid == pairs[p].uid;
    if (is_here[p]) flags_here[p] = (at++)->flags & shared;
  }
  for (; at != here.end(); ++at) plan.give.push_back(at->uid);

  const std::vector<std::size_t> partner = partners(pairs, is_here, there);
  std::vector<bool> paired(there.size());
  for (std::size_t p = 0; p < pairs.size(); ++p) {
    const Pair& pair = pairs[p];
    const std::size_t index = partner[p];
    if (index != kAbsent) paired[index] = true;
    if (!is_here[p] && index == kAbsent) {
      plan.forgotten.push_back(pair.uid);
    } else if (!is_here[p]) {
      plan.remove.push_back(index);
      plan.removed.push_back(pair.uid);
    } else if (index == kAbsent) {
      plan.expunge.push_back(pair.uid);
    } else {
      const Flags flags_there = there[index].flags & shared;
      const Flags flags = merged(pair.flags & shared, flags_here[p], flags_there);
      if (flags != flags_here[p]) plan.mark_here.push_back({p, flags});
      if (flags != flags_there) plan.mark_there.emplace_back(index, flags);
      // What both sides have alike then. What is to be marked there is noted by the next comparison, once it is seen
      // there.
      const Flags apart = flags ^ flags_there;
      const Flags alike = (flags & ~apart) | (pair.flags & shared & apart);
      if (alike != (pair.flags & shared)) plan.kept.push_back({pair.uid, pair.name, alike});
    }
  }
  for (std::size_t i = 0; i < there.size(); ++i)
    if (!paired[i]) plan.bring.push_back(i);
  return plan;
}

}  // namespace angarium::location
