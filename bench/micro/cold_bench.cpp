// What compressing old mail saves and costs, beside the same mail as it was, in one run. Needs a directory on a disk,
// and one with messages, a file each (bench/load/mkcorpus.py makes some).
//
//   cold_bench DIRECTORY MESSAGES [COPIES [SEED]]
//
// Each message is stored COPIES times, each time with another Message-ID in front, so that no copy equals another.
// Prints octets of the bodies before and after, the processor's time a message of compressing (and of merely copying),
// and of reading whole messages and 4 KiB in the middle of them, plain and compressed.
#include <fmt/format.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "base/random.h"
#include "store/tablet.h"

namespace angarium {
namespace {

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class AllRefs final : public store::BodyRefs {
 public:
  void visit(std::string_view /*key*/, std::string_view value,
             const std::function<void(const store::BodyRef&)>& found) const override {
    if (auto ref = store::BodyRef::decode(value)) found(*ref);
  }
};

/// A clock that is set by hand; the tablet's wall clock.
class SetClock final : public Clock {
 public:
  [[nodiscard]] Moment now() const override { return system_clock().now(); }
  [[nodiscard]] WallTime wall() const override { return {system_clock().wall().microseconds + ahead.count()}; }
  Duration ahead{0};
};

template <class T>
T must(Result<T> result) {
  if (result) return *std::move(result);
  fmt::print(stderr, "{}\n", result.error().text());
  std::exit(1);
}

std::vector<std::string> read_messages(const std::string& directory) {
  std::vector<std::string> messages;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    messages.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return messages;
}

store::BodyRef put(store::Tablet& tablet, std::uint64_t number, const std::string& body) {
  const std::string key = fmt::format("e{:012}", number);
  store::Batch batch;
  if (body.size() > store::kGroupBodyMax) {
    auto writer = must(tablet.open_body());
    for (std::size_t at = 0; at < body.size(); at += store::BodyWriter::kAppendMax)
      if (!writer->append(std::string_view(body).substr(at, store::BodyWriter::kAppendMax))) std::exit(1);
    const store::BodyRef ref = must(writer->seal());
    const auto octets = ref.encode();
    batch.put(key, {octets.data(), octets.size()});
    must(tablet.commit_and_wait(std::move(batch)));
    return ref;
  }
  const std::size_t index = batch.body(body);
  batch.put_with_body(key, std::string(store::BodyRef::kSize, '.'), index, 0);
  must(tablet.commit_and_wait(std::move(batch)));
  return *store::BodyRef::decode(*must(tablet.get(key)));
}

/// Microseconds of the processor a message.
double read_all(store::Tablet& tablet, const std::vector<store::BodyRef>& refs, bool whole) {
  constexpr std::uint64_t kPart = 4096;
  const double before = cpu_seconds();
  std::string octets;
  for (const store::BodyRef& ref : refs) {
    octets.resize(whole ? ref.length : std::min(kPart, ref.length));
    if (auto read = tablet.read_body(ref, whole ? 0 : (ref.length - octets.size()) / 2, octets); !read) {
      fmt::print(stderr, "{}\n", read.error().text());
      std::exit(1);
    }
  }
  return (cpu_seconds() - before) * 1e6 / static_cast<double>(refs.size());
}

int run(const std::string& directory, const std::string& corpus, std::uint64_t copies, std::uint64_t seed) {
  const std::vector<std::string> messages = read_messages(corpus);
  if (messages.empty()) return fmt::print(stderr, "no messages in {}\n", corpus), 1;
  SeededRandom random{seed};
  SetClock clock;
  AllRefs all;
  store::TabletOptions options;
  options.threads = store::Threads::none;
  options.clock = &clock;
  options.body_refs = &all;
  options.grace = Duration(0);
  options.segment_size = 16u << 20;
  options.body_segment_size = 16u << 20;
  const std::string place = directory + "/cold_bench";
  std::filesystem::remove_all(place);
  std::filesystem::create_directories(place);
  auto tablet = must(store::Tablet::open(must(store::open_local_volume(place)), options));
  std::vector<store::BodyRef> refs;
  std::uint64_t octets = 0;
  for (std::uint64_t copy = 0; copy < copies; ++copy)
    for (const std::string& message : messages) {
      refs.push_back(
          put(*tablet, refs.size(), fmt::format("Message-ID: <{:x}@example.org>\r\n{}", random.number(), message)));
      octets += refs.back().length;
    }
  const auto count = static_cast<double>(refs.size());
  (void)read_all(*tablet, refs, true);
  const double plain = read_all(*tablet, refs, true);
  const double plain_part = read_all(*tablet, refs, false);
  // The first sweep closes what is open; the second one finds all of it old.
  must(tablet->sweep({}));
  clock.ahead = std::chrono::days(40);
  must(tablet->sweep({}));
  store::SweepOptions how;
  how.compress_after = std::chrono::days(1);
  store::SweepReport sum;
  const double before = cpu_seconds();
  for (int i = 0; i < 3; ++i) {
    clock.ahead += std::chrono::days(2);
    const store::SweepReport report = must(tablet->sweep(how));
    sum.octets_unpacked += report.octets_unpacked;
    sum.octets_packed += report.octets_packed;
  }
  const double cooling = (cpu_seconds() - before) * 1e6;
  (void)read_all(*tablet, refs, true);
  const double cold = read_all(*tablet, refs, true);
  const double cold_part = read_all(*tablet, refs, false);
  fmt::print("messages {}, mean {:.0f} octets; compressed {:.0f} % of the octets\n", refs.size(),
             static_cast<double>(octets) / count,
             100.0 * static_cast<double>(sum.octets_unpacked) / static_cast<double>(octets));
  fmt::print("ratio {:.2f}\n", static_cast<double>(sum.octets_unpacked) / static_cast<double>(sum.octets_packed));
  fmt::print("compressing: {:.1f} us a message, {:.0f} MB/s of processor time, images and all\n", cooling / count,
             static_cast<double>(sum.octets_unpacked) / cooling);
  fmt::print("reading whole: plain {:.1f} us, compressed {:.1f} us a message\n", plain, cold);
  fmt::print("reading 4 KiB of the middle: plain {:.1f} us, compressed {:.1f} us\n", plain_part, cold_part);
  tablet.reset();
  std::filesystem::remove_all(place);
  return 0;
}

}  // namespace
}  // namespace angarium

int main(int count, char** arguments) {
  if (count < 3) return fmt::print(stderr, "usage: cold_bench DIRECTORY MESSAGES [COPIES [SEED]]\n"), 2;
  return angarium::run(arguments[1], arguments[2], count > 3 ? std::strtoull(arguments[3], nullptr, 10) : 1,
                       count > 4 ? std::strtoull(arguments[4], nullptr, 10) : 1);
}
