// What a life story costs: processor time of all threads a message, of batches like those of an accept with and without
// its record, of the index, and of questions.
//
//   build/release/bench/micro/trace_bench DIRECTORY [MESSAGES]
#include <fmt/core.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "store/tablet.h"
#include "trace/ledger.h"

using namespace angarium;

namespace {

constexpr std::int64_t kStart = 1'700'000'000'000'000;
constexpr std::uint64_t kBatchesWaiting = 10;  // as ten sessions
constexpr std::uint64_t kRounds = 10;

double processor_us() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

class Waiting final : public store::Completion {
 public:
  void completed(Result<store::CommitInfo> result) noexcept override {
    if (!result) std::abort();
    done.store(true);
    done.notify_one();
  }
  std::atomic<bool> done{false};
};

trace::Beginning story(std::uint64_t n, std::string& sender, std::string& recipient, std::string& message_id) {
  sender = "sender." + std::to_string(n % 5000) + "@far.example";
  recipient = "user" + std::to_string(n % 1000) + "@example.test";
  message_id = std::to_string(n) + ".abcdefgh@mail.far.example";
  trace::Beginning beginning;
  beginning.id = trace::DeliveryId((n + 1) * 0x9E3779B97F4A7C15U);
  beginning.at = {kStart + static_cast<std::int64_t>(n) * 1000};
  beginning.peer = std::string_view("\xC0\0\2\7", 4);
  beginning.helo = std::string_view("mail.far.example");
  beginning.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384";
  beginning.sender = sender;
  beginning.recipients = {{.address = recipient}};
  beginning.places = {{.recipient = 0, .account = n % 1000, .mailbox = 1, .uid = 1, .email = n}};
  beginning.octets = 2048;
  beginning.message_id = message_id;
  return beginning;
}

std::string key(char kind, std::uint64_t account, std::uint64_t number) {
  std::string made{'m', kind};
  for (int shift = 56; shift >= 0; shift -= 8) made += static_cast<char>(account >> shift);
  for (int shift = 56; shift >= 0; shift -= 8) made += static_cast<char>(number >> shift);
  return made;
}

/// What the room mailbox writes of a delivery, about.
void fill(store::Batch& batch, std::uint64_t n, const std::string& body) {
  const std::uint64_t account = n % 1000;
  const std::size_t index = batch.body(body);
  batch.put_with_body(key('E', account, n), std::string(900, 'e'), index, 1);
  batch.put(key('B', account, n / 256), std::string(60, 'b'));
  batch.put(key('C', account, 1), std::string(12, 'c'));
  batch.put(key('L', account, n), std::string(16, 'l'));
  batch.put(key('A', account, 0), std::string(12, 'a'));
  batch.put(key('H', account, n), std::string(4, 'h'));
}

double run(store::Tablet& tablet, trace::Ledger* ledger, std::uint64_t first, std::uint64_t messages) {
  const std::string body(2048, 'x');
  std::string scratch;
  std::string names[3];
  const double before = processor_us();
  for (std::uint64_t n = first; n < first + messages; n += kBatchesWaiting) {
    Waiting waiting[kBatchesWaiting];
    for (std::uint64_t i = 0; i < kBatchesWaiting; ++i) {
      store::Batch batch;
      fill(batch, n + i, body);
      const trace::Beginning beginning = story(n + i, names[0], names[1], names[2]);
      if (ledger != nullptr) ledger->accept(beginning, scratch, batch);
      tablet.enqueue(std::move(batch), waiting[i]);
    }
    for (Waiting& one : waiting) one.done.wait(false);
  }
  if (!tablet.flush()) std::abort();
  return (processor_us() - before) / static_cast<double>(messages);
}

template <class Work>
void timed(const char* what, double per, Work work) {
  const double before = processor_us();
  work();
  fmt::print("{:<44} {:>10.2f} us\n", what, (processor_us() - before) / per);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    fmt::print(stderr, "usage: trace_bench DIRECTORY [MESSAGES]\n");
    return 2;
  }
  const std::uint64_t messages = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 200'000;
  // Two stores that grow alike, in turns: what else the machine does meets both.
  const std::string directory = arguments[1];
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  const auto open = [&](const char* name) {
    return *store::Tablet::open(*store::open_local_volume(directory + name), {.reserve = 0});
  };
  const auto plain = open("/without");
  const auto tablet = open("/with");
  trace::Ledger ledger(*tablet);
  double without = 0;
  double with = 0;
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    const std::uint64_t first = round * (messages / kRounds);
    without += run(*plain, nullptr, first, messages / kRounds) / kRounds;
    with += run(*tablet, &ledger, first, messages / kRounds) / kRounds;
  }
  fmt::print("{:<44} {:>10.2f} us\n{:<44} {:>10.2f} us\n", "a message, store alone", without,
             "a message with its record", with);
  timed("making a record alone", static_cast<double>(messages), [&] {
    std::string scratch;
    std::string names[3];
    for (std::uint64_t n = 0; n < messages; ++n) {
      store::Batch batch;
      ledger.accept(story(n, names[0], names[1], names[2]), scratch, batch);
    }
  });
  const WallTime end{kStart + static_cast<std::int64_t>(messages) * 1000 + 60'000'000};
  timed("index, a message", static_cast<double>(messages), [&] {
    if (!ledger.tend(end, Moment{})) std::abort();
  });
  std::string names[3];
  const trace::Beginning old = story(messages / 10, names[0], names[1], names[2]);
  timed("find an old one by id", 1, [&] {
    if (ledger.find({.id = old.id})->size() != 1) std::abort();
  });
  timed("find by Message-ID", 1, [&] {
    if (ledger.find({.message_id = names[2]})->size() != 1) std::abort();
  });
  timed("find ten of a sender", 1, [&] {
    if (ledger.find({.address = names[0], .limit = 10})->empty()) std::abort();
  });
  timed("an address that is nowhere", 1, [&] {
    if (!ledger.find({.address = "nobody@nowhere.example"})->empty()) std::abort();
  });
  timed("the last ten", 1, [&] { (void)ledger.find({.limit = 10}); });
  return 0;
}
