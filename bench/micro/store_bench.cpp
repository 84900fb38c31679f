// How near the store comes to a raw file that is written and synced in groups: the same bodies, the same number of
// writers, the same group commit, in one run, the two taking turns. Prints a table; needs a directory on the disk in
// question.
//
//   store_bench DIRECTORY [SECONDS [ROUNDS [OCTETS]]]     only bodies of so many octets
//
// Columns: messages a second (raw, store), their ratio, CPU microseconds a message, octets written by the process for
// each octet of message, groups' mean size. "fresh" is the raw file once more, going on to new pages as the store must,
// where "raw" overwrites 256 MiB that the page cache has: in a virtual machine that gives free memory back to its host,
// the first touch of a page costs ten times the copy.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>
#include <vector>

#include "store/keys.h"
#include "store/tablet.h"

namespace angarium {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct Figures {
  double per_second = 0;
  double cpu_us = 0;
  double written = 0;  // octets for each octet of message
  double group = 0;
};

std::uint64_t written_octets() {
  std::ifstream io("/proc/self/io");
  std::string name;
  std::uint64_t value = 0;
  while (io >> name >> value)
    if (name == "wchar:") return value;
  return 0;
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// What a writer does for one message; returns when it is durable.
using Deliver = std::function<void(std::size_t writer, std::uint64_t message)>;

Figures measure(std::size_t writers, std::size_t size, double seconds, const Deliver& deliver,
                const std::function<std::uint64_t()>& groups) {
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> messages = 0;
  std::uint64_t octets = written_octets();
  double cpu = cpu_seconds();
  std::uint64_t groups_before = groups();
  auto begin = SteadyClock::now();
  std::vector<std::thread> threads;
  for (std::size_t w = 0; w < writers; ++w)
    threads.emplace_back([&, w] {
      for (std::uint64_t n = 0; !stop; ++n) {
        deliver(w, n);
        ++messages;
      }
    });
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  double took = std::chrono::duration<double>(SteadyClock::now() - begin).count();
  auto count = static_cast<double>(messages);
  return {count / took, (cpu_seconds() - cpu) * 1e6 / count,
          static_cast<double>(written_octets() - octets) / (count * static_cast<double>(size)),
          count / static_cast<double>(std::max<std::uint64_t>(1, groups() - groups_before))};
}

enum class Pages { overwritten, fresh };

/// The bound: one preallocated file, of zeros or merely reserved, one thread that writes what waits and syncs once.
class RawFile {
 public:
  RawFile(const std::string& path, Pages pages)
      : length_(pages == Pages::fresh ? kFresh : kOverwritten),
        descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600)) {
    if (pages == Pages::fresh && ::posix_fallocate(descriptor_, 0, static_cast<off_t>(length_)) != 0) std::abort();
    std::string zeros(1u << 20, '\0');
    for (std::uint64_t at = 0; pages == Pages::overwritten && at < length_; at += zeros.size())
      if (::pwrite(descriptor_, zeros.data(), zeros.size(), static_cast<off_t>(at)) < 0) std::abort();
    ::fsync(descriptor_);
    committer_ = std::thread([this] { run(); });
  }
  ~RawFile() {
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
    }
    filled_.notify_one();
    committer_.join();
    ::close(descriptor_);
  }
  RawFile(const RawFile&) = delete;
  RawFile& operator=(const RawFile&) = delete;

  void write(const std::string& body) {
    Job job{&body};
    {
      std::lock_guard lock(mutex_);
      waiting_.push_back(&job);
    }
    filled_.notify_one();
    job.done.wait(0);
  }
  std::uint64_t groups() const { return groups_; }

 private:
  static constexpr std::uint64_t kOverwritten = 256u << 20;
  static constexpr std::uint64_t kFresh = std::uint64_t{12} << 30;  ///< not reached in some seconds

  struct Job {
    const std::string* body;
    std::atomic<int> done = 0;
  };
  void run() {
    std::unique_lock lock(mutex_);
    std::vector<Job*> group;
    while (true) {
      filled_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      group.swap(waiting_);
      lock.unlock();
      for (const Job* job : group) {
        if (at_ + job->body->size() > length_) at_ = 0;
        if (::pwrite(descriptor_, job->body->data(), job->body->size(), static_cast<off_t>(at_)) < 0) std::abort();
        at_ += job->body->size();
      }
      if (::fdatasync(descriptor_) != 0) std::abort();
      ++groups_;
      for (Job* job : group) {
        job->done.store(1, std::memory_order_release);
        job->done.notify_one();
      }
      group.clear();
      lock.lock();
    }
  }
  std::uint64_t length_;
  int descriptor_;
  std::uint64_t at_ = 0;
  std::mutex mutex_;
  std::condition_variable filled_;
  std::vector<Job*> waiting_;
  std::atomic<std::uint64_t> groups_ = 0;
  bool closed_ = false;
  std::thread committer_;
};

/// Wakes a writer, as a loop would be woken.
class Waiter final : public store::Completion {
 public:
  void completed(Result<store::CommitInfo> result) noexcept override {
    if (!result) std::abort();
    done_.store(1, std::memory_order_release);
    done_.notify_one();
  }
  void wait() { done_.wait(0); }

 private:
  std::atomic<int> done_ = 0;
};

/// About what a delivery writes: the email, its place in the mailbox, counters, change log; 300 octets beside the body.
void deliver(store::Tablet& tablet, std::size_t writer, std::uint64_t message, const std::string& body) {
  store::Batch batch;
  std::string_view span = body;
  std::size_t index = batch.body({&span, 1});
  auto account = static_cast<std::uint32_t>(writer);
  std::string email(160, 'e');
  batch.put_with_body(store::KeyWriter().u8('E').u32(account).u64(message).key(),
                      email + std::string(store::BodyRef::kSize, '.'), index, email.size());
  batch.put(store::KeyWriter().u8('U').u32(account).u64(message).key(), std::string(30, 'u'));
  batch.put(store::KeyWriter().u8('L').u32(account).u64(message).key(), std::string(20, 'l'));
  batch.put(store::KeyWriter().u8('A').u32(account).key(), std::string(40, 'a'));
  batch.put(store::KeyWriter().u8('M').u32(account).key(), std::string(40, 'm'));
  Waiter waiter;
  tablet.enqueue(std::move(batch), waiter);
  waiter.wait();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// Time for the host to take back what the part before has freed, so that all parts begin alike.
void forget_free_memory() { std::this_thread::sleep_for(std::chrono::seconds(5)); }

int run(const std::string& directory, double seconds, int rounds, std::size_t only) {
  fmt::print("{:>8} {:>7} {:>9} {:>9} {:>9} {:>6} {:>7} {:>8} {:>8} {:>8} {:>8} {:>8} {:>7}\n", "octets", "writers",
             "raw/s", "fresh/s", "store/s", "ratio", "r.fresh", "cpu raw", "cpu fr.", "cpu st.", "wr raw", "wr st.",
             "group");
  for (std::size_t size : {2u << 10, 16u << 10, 256u << 10}) {
    if (only != 0 && size != only) continue;
    std::string body = system_random().octets(size);
    for (std::size_t writers : {1, 10, 100}) {
      std::vector<Figures> raw;
      std::vector<Figures> fresh;
      std::vector<Figures> ours;
      for (int round = 0; round < rounds; ++round) {
        std::string place = directory + "/store_bench";
        std::filesystem::remove_all(place);
        std::filesystem::create_directories(place);
        for (const Pages pages : {Pages::overwritten, Pages::fresh}) {
          forget_free_memory();
          {
            RawFile file(place + "/raw", pages);
            (pages == Pages::fresh ? fresh : raw)
                .push_back(measure(
                    writers, size, seconds, [&](std::size_t, std::uint64_t) { file.write(body); },
                    [&] { return file.groups(); }));
          }
          std::filesystem::remove(place + "/raw");
        }
        forget_free_memory();
        auto volume = store::open_local_volume(place + "/store");
        if (!volume) return fmt::print(stderr, "{}\n", volume.error().text()), 1;
        auto tablet = store::Tablet::open(std::move(*volume), {});
        if (!tablet) return fmt::print(stderr, "{}\n", tablet.error().text()), 1;
        ours.push_back(measure(
            writers, size, seconds, [&](std::size_t w, std::uint64_t n) { deliver(**tablet, w, n, body); },
            [&] { return (*tablet)->stats().groups; }));
        tablet->reset();
        std::filesystem::remove_all(place);
      }
      auto middle = [](const std::vector<Figures>& all, double Figures::* member) {
        std::vector<double> values;
        for (const Figures& f : all) values.push_back(f.*member);
        return median(values);
      };
      std::vector<double> ratios;
      std::vector<double> fresh_ratios;
      for (std::size_t i = 0; i < raw.size(); ++i) {
        ratios.push_back(ours[i].per_second / raw[i].per_second);
        fresh_ratios.push_back(ours[i].per_second / fresh[i].per_second);
      }
      fmt::print(
          "{:>8} {:>7} {:>9.0f} {:>9.0f} {:>9.0f} {:>6.2f} {:>7.2f} {:>8.1f} {:>8.1f} {:>8.1f} {:>8.2f} {:>8.2f} "
          "{:>7.1f}\n",
          size, writers, middle(raw, &Figures::per_second), middle(fresh, &Figures::per_second),
          middle(ours, &Figures::per_second), median(ratios), median(fresh_ratios), middle(raw, &Figures::cpu_us),
          middle(fresh, &Figures::cpu_us), middle(ours, &Figures::cpu_us), middle(raw, &Figures::written),
          middle(ours, &Figures::written), middle(ours, &Figures::group));
      std::fflush(stdout);
    }
  }
  return 0;
}

}  // namespace
}  // namespace angarium

int main(int count, char** arguments) {
  if (count < 2) return fmt::print(stderr, "usage: store_bench DIRECTORY [SECONDS [ROUNDS [OCTETS]]]\n"), 2;
  return angarium::run(arguments[1], count > 2 ? std::atof(arguments[2]) : 2, count > 3 ? std::atoi(arguments[3]) : 3,
                       count > 4 ? static_cast<std::size_t>(std::atoll(arguments[4])) : 0);
}
