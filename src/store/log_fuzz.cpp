// Recovery of any log. The input says which segments a store has, what stands in them and how they are damaged;
// checksums are made right, so that what lies behind them is reached. The store opens or says kDamaged; what opens
// again has the same contents and takes a batch.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/crc32c.h"
#include "base/log.h"
#include "store/log_table.h"
#include "store/octets.h"
#include "store/tablet.h"
#include "store/testing.h"
#include "store/volume_memory.h"

using namespace angarium;
using namespace angarium::store;

namespace {

constexpr std::uint32_t kSalt = 77;
constexpr std::uint64_t kTablet = 5;

void require(bool holds) {
  if (!holds) std::abort();
}

class Input {
 public:
  explicit Input(std::string_view rest) : rest_(rest) {}
  [[nodiscard]] bool empty() const { return rest_.empty(); }
  std::string_view octets(std::size_t count) {
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint64_t u64() { return number(8); }
  std::string_view text() { return octets(u8()); }

 private:
  std::uint64_t number(std::size_t count) {
    std::uint64_t value = 0;
    for (const char octet : octets(count)) value = value << 8 | static_cast<std::uint8_t>(octet);
    return value;
  }
  std::string_view rest_;
};

template <std::size_t N>
std::string_view view(const std::array<char, N>& octets) {
  return {octets.data(), N};
}

/// Writes a store as the input says, mostly as the store itself would.
class Maker {
 public:
  explicit Maker(Input& input) : input_(input) {}

  std::shared_ptr<MemoryDisk> make() {
    table_.tablet = kTablet;
    if (input_.u8() % 4 == 0) make_state();
    begin_segment();
    while (!input_.empty()) step();
    end_segment();
    put(std::string(kTableName), table_.encode());
    return disk_;
  }

 private:
  void put(const std::string& name, std::string octets) {
    disk_->files[name] = std::make_shared<MemoryDisk::Content>(std::move(octets));
  }

  void make_state() {
    std::string file = "1234" + std::string(input_.text());
    store_u32(file.data(), crc32c(std::string_view(file).substr(4)));
    put(std::string(kStateFolder) + "/sorted", file);
  }

  void begin_segment() {
    segment_ = {.number = table_.next++, .salt = kSalt};
    const std::uint8_t what = input_.u8();
    segment_.phase = static_cast<Phase>(what & 3);
    segment_.kind = static_cast<SegmentKind>(1 + (what >> 2) % 4);
    segment_.before = chain_;
    content_ = view(SegmentHeader{segment_.kind, segment_.number, kSalt, kTablet, 0}.encode());
    pieces_ = 0;
  }

  void end_segment() {
    if (segment_.kind == SegmentKind::image) segment_.last = sequence_;
    segment_.chain = chain_;
    segment_.size = content_.size();
    put(segment_name(segment_.number), content_);
    table_.segments[segment_.number] = segment_;
  }

  void step() {
    switch (input_.u8() % 8) {
      case 0: return add_group(false);
      case 1: return add_group(true);
      case 2: content_ += input_.text(); return;
      case 3: return add_piece();
      case 4: return flip();
      case 5: content_.resize(input_.u16() % (content_.size() + 1)); return;
      case 6: content_.resize(aligned(content_.size() + input_.u8())); return;
      default:
        if (table_.next > 6) return;
        end_segment();
        if (input_.u8() % 8 == 0) spoil_table();
        begin_segment();
    }
  }

  void flip() {
    const std::size_t at = input_.u16();
    const auto by = static_cast<char>(input_.u8());
    if (!content_.empty()) content_[at % content_.size()] ^= by;
  }

  void spoil_table() {
    Segment& segment = table_.segments[segment_.number];
    const std::uint8_t which = input_.u8();
    const std::uint64_t value = input_.u64();
    switch (which % 7) {
      case 0: segment.first = value; break;
      case 1: segment.last = value; break;
      case 2: segment.size = value; break;
      case 3: segment.before = static_cast<std::uint32_t>(value); break;
      case 4: segment.chain = static_cast<std::uint32_t>(value); break;
      case 5: segment.salt = static_cast<std::uint32_t>(value); break;
      default: segment.bodies = value;
    }
  }

  void add_group(bool spoil) {
    std::string metadata;
    GroupHeader header{.sequence = sequence_ + 1, .previous_chain = chain_};
    const std::uint32_t batches = 1 + input_.u8() % 2;
    for (; header.batches < batches; ++header.batches) {
      const std::string_view operations = input_.text();
      append_varint(metadata, operations.size());
      metadata += operations;
    }
    std::string bodies;
    const std::uint32_t count = input_.u8() % 3;
    for (; header.bodies < count; ++header.bodies) {
      const std::string_view octets = input_.text();
      const auto body = BodyHeader{.length = octets.size(), .crc = crc32c(octets)}.encode(kSalt);
      header.bodies_crc = crc32c(view(body), header.bodies_crc);
      bodies += view(body);
      bodies += octets;
      bodies.resize(aligned(bodies.size()));
    }
    header.metadata_length = static_cast<std::uint32_t>(metadata.size());
    header.metadata_crc = crc32c(metadata);
    header.bodies_length = static_cast<std::uint32_t>(bodies.size());
    if (spoil) spoil_group(header);
    if (segment_.first == 0) segment_.first = header.sequence;
    segment_.last = sequence_ = header.last_sequence();
    chain_ = header.chain();
    content_ += view(header.encode(kSalt));
    content_ += metadata;
    content_.resize(aligned(content_.size()));
    content_ += bodies;
  }

  void spoil_group(GroupHeader& header) {
    const std::uint8_t which = input_.u8();
    const std::uint64_t value = input_.u64();
    const auto small = static_cast<std::uint32_t>(value);
    switch (which % 8) {
      case 0: header.sequence = value; break;
      case 1: header.batches = small; break;
      case 2: header.previous_chain = small; break;
      case 3: header.metadata_length = small; break;
      case 4: header.metadata_crc = small; break;
      case 5: header.bodies_length = small; break;
      case 6: header.bodies_crc = small; break;
      default: header.bodies = small;
    }
  }

  void add_piece() {
    const std::string_view operations = input_.text();
    content_ +=
        view(ImageHeader{static_cast<std::uint32_t>(operations.size()), crc32c(operations), pieces_++}.encode(kSalt));
    content_ += operations;
    content_.resize(aligned(content_.size()));
  }

  Input& input_;
  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
  Table table_;
  Segment segment_;
  std::string content_;
  std::uint64_t sequence_ = 0;
  std::uint32_t chain_ = 0;
  std::uint64_t pieces_ = 0;
};

class Opener {
 public:
  explicit Opener(std::shared_ptr<MemoryDisk> disk) : disk_(std::move(disk)) {
    disk_->capacity = 32u << 20;
    options_.state = StateKind::sorted;
    options_.threads = Threads::none;
    options_.clock = &clock_;
    options_.random = &random_;
    options_.mergers['m'] = &merger_;
    options_.body_refs = &refs_;
    options_.segment_size = 4096;
    options_.reserve = 0;
  }

  Result<std::unique_ptr<Tablet>> open() { return Tablet::open(open_memory_volume(disk_).value(), options_); }

 private:
  std::shared_ptr<MemoryDisk> disk_;
  TabletOptions options_;
  ManualClock clock_;
  SeededRandom random_{1};
  testing::AppendMerger merger_;
  testing::TailRefs refs_;
};

/// All keys and values of the application; bodies they name are read, which may fail but not crash.
std::string contents(Tablet& tablet) {
  std::string all;
  testing::TailRefs refs;
  const Result<> scanned = tablet.scan("\1", {}, {}, [&](std::string_view key, std::string_view value) {
    append_varint(all, key.size());
    all += key;
    append_varint(all, value.size());
    all += value;
    refs.visit(key, value, [&](const BodyRef& ref) {
      std::string octets(64, '\0');
      (void)tablet.read_body(ref, 0, octets);
      (void)tablet.read_body(ref, ref.length / 2, octets);
    });
    return Step::next;
  });
  require(scanned.has_value());
  return all;
}

void recover(std::string_view octets) {
  Input input(octets);
  Opener opener(Maker(input).make());
  std::string before;
  {
    auto tablet = opener.open();
    if (!tablet) return require(tablet.error().is(kDamaged) || tablet.error().is(kFormat));
    before = contents(**tablet);
    (void)(*tablet)->verify();
  }
  auto again = opener.open();
  require(again.has_value());
  require(contents(**again) == before);
  Batch batch;
  batch.put("knew", "value");
  require((*again)->commit_and_wait(std::move(batch)).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool quiet = (log::configure(nullptr, log::Level::error), true);
  if (!quiet || size > 4096) return 0;
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  recover(octets);
  (void)SegmentHeader::decode(octets);
  (void)LogPosition::decode(octets);
  (void)BodyRef::decode(octets);
  return 0;
}
