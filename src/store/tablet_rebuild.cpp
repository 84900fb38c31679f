// Rebuilding: the state from the log, beside the one there is, and the table from the segments where it is lost.
#include "base/log.h"
#include "store/log_remake.h"
#include "store/tablet_engine.h"

namespace angarium::store {
namespace {

/// How far the state that is there has come; 0 if it can't be read.
std::uint64_t reached(Volume& volume, const TabletOptions& options) {
  Result<std::unique_ptr<State>> state = open_state(volume, options);
  return state ? (*state)->applied().sequence : 0;
}

/// Walks all of the log into a new state. Of the rest of the volume only the end of the log is made certain, as at
/// every opening.
Result<> make_beside(Volume& volume, const TabletOptions& options) {
  Segments segments(volume, *options.clock, *options.random);
  TRY(segments.load());
  const std::uint64_t before = reached(volume, options);
  TRY(remove_state(volume, kNewStateFolder));
  std::unique_ptr<State> state = TRY(open_state(volume, options, kNewStateFolder));
  if (std::optional<Segment> image = newest_image(segments)) TRY(load_image(segments, *image, *state));
  Replay replay(segments, *state);
  TRY(replay.run());
  // What the old state has was synced: without it, the last group would look like one that was never finished.
  if (replay.end().sequence < before)
    return fail(kDamaged, "the log ends before the state that there is; that state was left as it is");
  // Before the new state has it: the last group may have been read from a cache that the disk never got.
  TRY(replay.finish());
  return state->flush();
}

}  // namespace

Result<> rebuild(std::unique_ptr<Volume> volume, const TabletOptions& options) {
  TRY(remake_table_if_lost(*volume, *options.clock));
  if (Result<> made = make_beside(*volume, options); !made) {
    if (Result<> removed = remove_state(*volume, kNewStateFolder); !removed)
      log::warning("store", "an unfinished state stays behind", {{"error", removed.error().text()}});
    return made;
  }
  TRY(put_state_in_place(*volume));
  std::unique_ptr<Tablet> tablet = TRY(Tablet::open(std::move(volume), options));
  return tablet->flush();
}

}  // namespace angarium::store
