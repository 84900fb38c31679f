// Recovery: brings the state up to the end of the log, finds that end, and tells a torn tail from damage.
#pragma once

#include "store/log_reader.h"
#include "store/log_segments.h"
#include "store/state.h"

namespace angarium::store {

/// One pass over the log, made once at opening. Changes nothing on the volume but what finish() says.
class Replay {
 public:
  Replay(Segments& segments, State& state) : segments_(segments), state_(state) {}

  /// Applies every whole group after the state's position. kDamaged if something that was synced is missing or broken:
  /// a group counts as synced if a later one exists, a sealed segment ends behind it, or the state has it.
  Result<> run();
  /// Wipes what a torn group left, writes the last group once more and syncs it (it may have been read from a cache
  /// that the disk never got), and seals the segments before the active one.
  Result<> finish();

  /// Where the next group goes. If the segment is not an open one, the log goes on in a new segment.
  [[nodiscard]] const LogPosition& end() const { return end_; }
  /// What the state had before.
  [[nodiscard]] const LogPosition& start() const { return from_; }
  [[nodiscard]] std::uint64_t batches() const { return batches_; }
  [[nodiscard]] std::uint64_t metadata() const { return metadata_; }

 private:
  [[nodiscard]] bool reaches_state() const;
  Result<> walk_sealed(const Segment& segment);
  Result<> walk_open(const std::vector<Segment>& open);
  Result<bool> walk_group(GroupReader& reader, const Segment& segment);
  Result<> judge_tail(const std::vector<Segment>& open);
  Result<> judge_last();
  Result<std::vector<Segment>> describe_ended();
  Result<> settle_last();
  Result<> apply(const GroupReader::Group& group, const LogPosition& after);
  Result<> apply_collected();
  [[nodiscard]] std::uint64_t start_in(const Segment& segment) const;

  Segments& segments_;
  State& state_;
  LogPosition from_;  // the state's
  LogPosition end_;
  std::uint64_t batches_ = 0;
  std::uint64_t metadata_ = 0;
  std::vector<Segment> open_;

  /// The newest group of an open segment: applied only when the next one, or its bodies, show that it is whole.
  struct Last {
    GroupHeader header;
    std::uint32_t segment = 0;
    std::uint64_t offset = 0;
    std::string metadata;
  };
  std::optional<Last> last_;
  LogPosition before_last_;
  bool followed_ = false;  // a group was begun after the last one
  bool rewrite_last_ = false;
  Last rewritten_;

  std::string collected_;  // metadata of groups waiting to be applied in one step
  LogPosition collected_to_;
};

/// What is needed to seal a log segment that ends at `end`: its first and last sequence, and the chains at both ends.
Result<Segment> describe_sealed(Segments& segments, Segment segment, const LogPosition& end);

}  // namespace angarium::store
