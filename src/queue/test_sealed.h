// For this room's tests: a queue whose bodies lie sealed.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "keyring/body.h"
#include "queue/body.h"
#include "queue/test_world.h"
#include "support/test.h"

namespace angarium::queue::test {

struct Sealed : World {
  Sealed() {
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    begin();
  }
  ~Sealed() { std::filesystem::remove_all(folder); }
  Sealed(const Sealed&) = delete;
  Sealed& operator=(const Sealed&) = delete;

  void begin() {
    keys = std::make_unique<keyring::Keys>(*tablet, folder + "/keys");
    body_keys = std::make_unique<BodyKeys>(*tablet, pool, keys.get(), elsewhere);
  }
  void again() {
    body_keys.reset();
    keys.reset();
    restart();
    begin();
  }
  /// Waits for the store and for others.
  template <class T>
  T must_in_time(io::Task<Result<T>> task) {
    std::optional<Result<T>> outcome;
    loop.spawn([](io::Task<Result<T>> inner, std::optional<Result<T>>& into) -> io::Task<> {
      into.emplace(co_await std::move(inner));
    }(std::move(task), outcome));
    loop.advance(std::chrono::minutes(1));
    REQUIRE(outcome);
    REQUIRE(*outcome);
    return **std::move(outcome);
  }
  /// A batch that admits a message, not on its way yet, and what is told of its end.
  struct Admission {
    store::Batch batch;
    Change change;
  };
  Admission admission(const std::string& octets) {
    const keyring::Key key = keyring::Key::make();
    Entry made = entry();
    made.prepended = "Received: by us\r\n";
    made.sealed_key = must(body_keys->seal(key));
    store::Batch batch;
    const std::size_t at = batch.body(*keyring::seal_body(key, octets));
    auto change =
        queue->admit(made, {{.destination = "b.example", .recipients = {recipient("<u@b.example>")}}}, at, batch);
    REQUIRE(change);
    return {std::move(batch), *std::move(change)};
  }
  void admit_sealed(const std::string& octets) {
    Admission made = admission(octets);
    commit(std::move(made.batch), std::move(made.change));
  }
  std::vector<keyring::KeyId> ids() { return *keyring::Keys::ids(*tablet, keyring::kQueue); }
  Job job() {
    must(queue->gather());
    auto taken = take("b.example");
    REQUIRE(taken);
    return *std::move(taken);
  }
  Result<std::string> read(const Entry& of, std::uint64_t offset = 0, std::size_t size = SIZE_MAX,
                           store::Tier tier = store::Tier::any) {
    std::string octets = "what was there";
    if (auto done = read_body(*tablet, keys.get(), of, offset, size, tier, octets); !done)
      return std::unexpected(done.error());
    return octets;
  }

  std::vector<SealedElsewhere> elsewhere;
  std::string folder = "/tmp/angarium-queue-XXXXXX";
  std::unique_ptr<keyring::Keys> keys;
  std::unique_ptr<BodyKeys> body_keys;
};

}  // namespace angarium::queue::test
