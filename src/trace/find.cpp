// Finding stories: what no block of the index has yet is looked through, the rest is asked for by hash; newest first.
#include <algorithm>

#include "base/text.h"
#include "trace/index.h"
#include "trace/keys.h"
#include "trace/ledger.h"

namespace angarium::trace {
namespace {

/// Octets that were cut are held against the hash alone: what is found by chance with the same one is shown, too.
bool same_text(const Text& text, std::string_view asked, std::uint32_t hash_of_text, std::uint32_t hash_asked) {
  return text.whole ? hash_of_text == hash_asked : equals_ignore_case(text.octets, asked);
}

bool has_address(const Beginning& beginning, std::string_view address) {
  const std::uint32_t asked = hash_of_address(address);
  const auto is = [&](const Text& text) { return same_text(text, address, hash_of_address(text), asked); };
  return (beginning.has_sender && is(beginning.sender)) || is(beginning.login) ||
         std::ranges::any_of(beginning.recipients, [&](const Recipient& one) { return is(one.address); });
}

bool fits(const Beginning& beginning, const Question& question) {
  if (question.id && beginning.id != *question.id) return false;
  if (!question.peer.empty() && beginning.peer != question.peer) return false;
  if (!question.address.empty() && !has_address(beginning, question.address)) return false;
  if (question.message_id.empty()) return true;
  return same_text(beginning.message_id, question.message_id, hash_of_message_id(beginning.message_id),
                   hash_of_message_id(question.message_id));
}

/// What the index is asked for; nothing: every story may fit.
std::optional<std::uint32_t> hash_asked(const Question& question) {
  if (question.id) return hash_of(*question.id);
  if (!question.message_id.empty()) return hash_of_message_id(question.message_id);
  if (!question.address.empty()) return hash_of_address(question.address);
  if (!question.peer.empty()) return hash_of_peer(question.peer);
  return std::nullopt;
}

}  // namespace

/// One question to one lane.
class Ledger::Finder {
 public:
  Finder(store::Tablet& tablet, Lane lane, const Question& question)
      : tablet_(tablet), lane_(lane), question_(question), since_(question.since.value_or(WallTime{INT64_MIN})) {}

  Result<std::vector<Story>> run(WallTime indexed_to) {
    const auto hash = hash_asked(question_);
    TRY(look(hash ? std::max(since_, indexed_to) : since_, std::nullopt));
    if (hash) {
      TRY(ask_index(*hash, indexed_to));
      TRY(ask_late(*hash));
    }
    for (Story& story : found_) TRY(read_events(story));
    return std::move(found_);
  }

 private:
  [[nodiscard]] bool enough() const { return found_.size() >= question_.limit; }

  /// All stories of a time, newest first.
  Result<> look(WallTime from, std::optional<WallTime> to) {
    const std::string end = to ? story_from(lane_, *to) : behind(kind_prefix(lane_, RecordKind::story));
    return tablet_.scan(
        story_from(lane_, from), end, {.direction = store::Direction::backward},
        [&](std::string_view key, std::string_view value) {
          if (enough()) return store::Step::stop;
          const auto place = story_in(key);
          if (!place || place->event) return store::Step::next;
          const auto read = decode_beginning(place->id, place->began, value);
          // A damaged one has its id and time still.
          const bool wanted = read ? fits(*read, question_) : question_.id == place->id;
          if (wanted)
            found_.push_back(
                {.lane = lane_, .at = place->began, .id = place->id, .octets = std::string(value), .events = {}});
          return store::Step::next;
        });
  }

  /// Stories of this moment, once: several of them may have the same name.
  Result<> look_at(WallTime at) {
    if (last_ == at) return {};
    last_ = at;
    return look(at, WallTime{at.microseconds + 1});
  }

  /// `before`: what is younger was looked through. A block that was made meanwhile begins there.
  Result<> ask_index(std::uint32_t hash, WallTime before) {
    // As many as are asked for at a time: some of them may only have the same hash.
    const std::string begin = index_key(lane_, part_of(hash), {INT64_MIN});
    while (!enough()) {
      std::vector<WallTime> times;
      TRY(tablet_.scan(begin, index_key(lane_, part_of(hash), before), {.direction = store::Direction::backward},
                       [&](std::string_view key, std::string_view value) {
                         const WallTime from = block_in(key).value_or(WallTime{});
                         before = from;
                         std::vector<WallTime> some = times_of(value, from, hash);
                         times.insert(times.end(), some.rbegin(), some.rend());
                         // Blocks do not overlap: what is older lies in older ones.
                         const bool last = from <= since_ || times.size() >= question_.limit;
                         return last ? store::Step::stop : store::Step::next;
                       }));
      const bool full = times.size() >= question_.limit;
      for (const WallTime at : times) {
        if (at < since_ || enough()) break;
        TRY(look_at(at));
      }
      if (!full) return {};
    }
    return {};
  }

  /// They lie beneath the index in time, in any place: as many again as are asked for.
  Result<> ask_late(std::uint32_t hash) {
    std::vector<WallTime> times;
    const std::string prefix = late_prefix(lane_, hash);
    TRY(tablet_.scan(prefix, behind(prefix), {.limit = question_.limit, .direction = store::Direction::backward},
                     [&](std::string_view key, std::string_view) {
                       times.push_back(block_in(key).value_or(WallTime{}));
                       return store::Step::next;
                     }));
    std::vector<Story> before = std::exchange(found_, {});
    for (const WallTime at : times)
      if (at >= since_) TRY(look_at(at));
    std::ranges::move(before, std::back_inserter(found_));
    return {};
  }

  Result<> read_events(Story& story) {
    const std::string prefix = story_key(lane_, story.at, story.id);
    return tablet_.scan(prefix, behind(prefix), {.limit = kEventsTold + 1},
                        [&](std::string_view key, std::string_view value) {
                          const auto place = story_in(key);
                          if (place && place->event)
                            story.events.push_back({.at = *place->event, .octets = std::string(value)});
                          return store::Step::next;
                        });
  }

  store::Tablet& tablet_;
  Lane lane_;
  const Question& question_;
  WallTime since_;
  std::vector<Story> found_;
  std::optional<WallTime> last_;  ///< the moment that was last looked at
};

Result<std::vector<Story>> Ledger::find(const Question& question) {
  std::vector<Story> found;
  for (const Lane lane : {Lane::accepted, Lane::refused}) {
    const WallTime indexed = TRY(indexed_to(lane));
    std::vector<Story> some = TRY(Finder(tablet_, lane, question).run(indexed));
    std::ranges::move(some, std::back_inserter(found));
  }
  std::ranges::sort(found, [](const Story& a, const Story& b) { return a.at > b.at; });
  if (found.size() > question.limit) found.resize(question.limit);
  return found;
}

}  // namespace angarium::trace
