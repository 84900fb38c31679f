// Large bodies: streamed to a segment beside the log, which one writer has to itself while it writes.
#include <fmt/format.h>

#include <algorithm>

#include "store/tablet_engine.h"

namespace angarium::store {

class StreamedBody final : public BodyWriter {
 public:
  StreamedBody(Engine& engine, Engine::BodySegment segment) : engine_(engine), segment_(std::move(segment)) {}
  StreamedBody(const StreamedBody&) = delete;
  StreamedBody& operator=(const StreamedBody&) = delete;

  ~StreamedBody() override {
    // What was not sealed is overwritten by the next body. After an error nobody knows what is there: the segment takes
    // no more.
    bool full = stage_ == Stage::broken || segment_.end >= engine_.options_.body_segment_size;
    std::lock_guard lock(engine_.bodies_mutex_);
    (full ? engine_.full_body_segments_ : engine_.body_segments_).push_back(std::move(segment_));
  }

  Result<> append(std::string_view octets) override {
    if (stage_ != Stage::open) return fail(kStopped, "this body takes no more");
    if (octets.size() > kAppendMax) return refuse(kTooLarge, "more than a record at once");
    if (!engine_.running()) return refuse(kStopped, "the store has stopped");
    if (!engine_.accepting()) return refuse(kStoreFull, "the volume has less free space than the reserve");
    std::uint64_t at = segment_.end + BodyHeader::kSize + length_;
    stage_ = Stage::broken;
    TRY(segment_.created.file->write(at, octets));
    stage_ = Stage::open;
    segment_.created.file->start_writing(at, octets.size());  // so that seal() has little left to wait for
    sums_.add(octets);
    length_ += octets.size();
    return {};
  }

  Result<BodyRef> seal() override {
    if (stage_ != Stage::open) return fail(kStopped, "this body is closed");
    if (!engine_.running()) return refuse(kStopped, "the store has stopped");
    stage_ = Stage::broken;
    std::vector<std::uint32_t> chunks = sums_.finish();
    BodyRef ref;
    ref.segment = segment_.created.segment.number;
    ref.offset = segment_.end;
    ref.length = length_;
    ref.crc = ChunkSums::body_crc(chunks);
    File& file = *segment_.created.file;
    std::uint64_t list = chunk_list_size(length_);
    std::string rest(reinterpret_cast<const char*>(chunks.data()), list);
    rest.resize(aligned(length_ + list) - length_);
    if (!rest.empty()) TRY(file.write(ref.offset + BodyHeader::kSize + length_, rest));
    auto header = BodyHeader{ref.codec, ref.key, ref.length, ref.crc}.encode(segment_.created.segment.salt);
    TRY(file.write(ref.offset, std::string_view(header.data(), header.size())));
    TRY(file.sync());
    segment_.end += body_record_size(length_);
    stage_ = Stage::closed;
    return ref;
  }

 private:
  std::unexpected<Error> refuse(const ErrorKind& kind, std::string text) {
    stage_ = Stage::closed;
    return fail(kind, std::move(text));
  }

  Engine& engine_;
  Engine::BodySegment segment_;
  ChunkSums sums_;
  std::uint64_t length_ = 0;
  enum class Stage { open, closed, broken } stage_ = Stage::open;
};

Result<std::unique_ptr<BodyWriter>> Engine::open_body() {
  if (!running()) return fail(kStopped, "the store has stopped");
  if (!accepting()) return fail(kStoreFull, "the volume has less free space than the reserve");
  {
    std::lock_guard lock(bodies_mutex_);
    if (!body_segments_.empty()) {
      BodySegment taken = std::move(body_segments_.back());
      body_segments_.pop_back();
      return std::make_unique<StreamedBody>(*this, std::move(taken));
    }
  }
  Segments::Created made = TRY(segments_.create(SegmentKind::bodies, Phase::open, {}));
  return std::make_unique<StreamedBody>(*this, BodySegment{std::move(made), SegmentHeader::kSize});
}

/// Open segments made before `moment` take no more, unless a writer has them now.
Result<> Engine::close_bodies_before(std::int64_t moment) {
  {
    std::lock_guard lock(bodies_mutex_);
    auto old = std::ranges::partition(body_segments_, [&](const BodySegment& segment) {
      return segment.created.segment.created >= moment || segment.end == SegmentHeader::kSize;
    });
    full_body_segments_.insert(full_body_segments_.end(), old.begin(), old.end());
    body_segments_.erase(old.begin(), old.end());
  }
  return seal_full_bodies();
}

/// Those that take no more become sealed, so that sweeping may look at them.
Result<> Engine::seal_full_bodies() {
  std::lock_guard sealing(sealing_);
  std::vector<BodySegment> full;
  {
    std::lock_guard lock(bodies_mutex_);
    full = full_body_segments_;
  }
  if (full.empty()) return {};
  std::int64_t now = options_.clock->wall().microseconds;
  for (BodySegment& segment : full) segment.end = aligned(TRY(segment.created.file->size()));
  TRY(segments_.change([&](auto& all) {
    for (const BodySegment& segment : full) {
      Segment& sealed = all[segment.created.segment.number];
      sealed.phase = Phase::sealed;
      sealed.size = segment.end;
      sealed.bodies = sealed.size - SegmentHeader::kSize;
      sealed.since = now;
    }
  }));
  std::lock_guard lock(bodies_mutex_);
  full_body_segments_.erase(full_body_segments_.begin(),
                            full_body_segments_.begin() + static_cast<std::ptrdiff_t>(full.size()));
  return {};
}

}  // namespace angarium::store
