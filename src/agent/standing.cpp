#include "agent/standing.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "agent/story_words.h"
#include "base/text.h"
#include "trace/record.h"

namespace angarium::agent {
namespace {

using trace::Course;
using trace::Event;
using trace::Fate;
using Kind = Standing::Kind;

constexpr std::size_t kKinds = 9;
constexpr std::array<std::string_view, kKinds> kWords = {
    "failed",  "waiting",   "refused",    "not sent", "removed from the queue", "taken by another server",
    "sent on", "delivered", "thrown away"};

Kind kind_at_first(Course course) {
  switch (course) {
    case Course::refused: return Kind::refused;
    case Course::here: return Kind::delivered;
    case Course::elsewhere:
    case Course::onward: return Kind::waits;
    case Course::discarded: return Kind::discarded;
    case Course::failed: return Kind::failed;
    case Course::dropped: break;
  }
  return Kind::lost;
}

Kind kind_after(Fate::Kind fate) {
  switch (fate) {
    case Fate::Kind::owed: return Kind::waits;
    case Fate::Kind::failed:
    case Fate::Kind::expired: return Kind::failed;
    case Fate::Kind::delivered: return Kind::delivered;
    case Fate::Kind::relayed:
    case Fate::Kind::handed_on: return Kind::taken;
    case Fate::Kind::expanded: return Kind::sent_on;
    case Fate::Kind::discarded: break;
  }
  return Kind::discarded;
}

}  // namespace

std::string_view standing_word(Kind kind) { return kWords[static_cast<std::size_t>(kind)]; }

std::vector<Standing> standings(const trace::Beginning& beginning, const std::vector<Event>& events, InQueue queued) {
  std::vector<Standing> all;
  // By the hash, since a long address is cut in one record and not in another.
  std::unordered_multimap<std::uint32_t, std::size_t> places;
  // Of several ways of one address the first of which nothing is known yet: each has attempts of its own.
  const auto place_of = [&](const trace::Text& address) {
    auto [at, end] = places.equal_range(trace::hash_of_address(address));
    Standing* first = nullptr;
    for (; at != end; ++at) {
      Standing& one = all[at->second];
      const bool open = one.kind == Kind::waits;
      if (first == nullptr || (open && (first->kind != Kind::waits || &one < first))) first = &one;
    }
    return first;
  };
  std::size_t leads = 0;
  for (const trace::Recipient& recipient : beginning.recipients) {
    places.emplace(trace::hash_of_address(recipient.address), all.size());
    all.push_back({.address = address_words(recipient.address),
                   .kind = kind_at_first(recipient.course),
                   .words = {},
                   .status = {}});
    // What follows an address is where it leads.
    if (recipient.course != Course::onward) {
      leads = all.size() - 1;
    } else if (all[leads].kind == Kind::waits) {
      all[leads].kind = Kind::sent_on;
    }
    if (recipient.code.status != 0) all.back().status = status_of(recipient.code);
    if (recipient.code.reply != 0) all.back().words = code_words(recipient.code);
  }
  bool removed = false;
  for (const Event& event : events) {
    removed = removed || event.kind == Event::Kind::removed;
    if (event.kind == Event::Kind::sent_on) {
      Standing* const by = place_of(event.text);
      if (by != nullptr && by->kind == Kind::waits) by->kind = Kind::sent_on;
    }
    if (event.kind != Event::Kind::attempt) continue;
    for (const Fate& fate : event.fates) {
      Standing* const one = place_of(fate.address);
      if (one == nullptr) continue;
      one->kind = kind_after(fate.kind);
      one->words = escape_controls(fate.words.octets, kWordsTold);
      one->status = escape_controls(fate.status.octets);
    }
  }
  if (removed && queued == InQueue::no)
    for (Standing& one : all)
      if (one.kind == Kind::waits) one.kind = Kind::removed;
  return all;
}

std::string summary(const std::vector<Standing>& standings) {
  std::array<std::size_t, kKinds> counts{};
  for (const Standing& one : standings) ++counts[static_cast<std::size_t>(one.kind)];
  std::string words;
  for (std::size_t i = 0; i < kKinds; ++i) {
    if (counts[i] == 0) continue;
    if (!words.empty()) words += ", ";
    if (standings.size() > 1) words += std::to_string(counts[i]) + " ";
    words += kWords[i];
  }
  return words;
}

}  // namespace angarium::agent
