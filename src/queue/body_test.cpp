// Entries whose bodies lie sealed (docs/decisions/0011).
#include "queue/keys.h"
#include "queue/record.h"
#include "queue/test_sealed.h"

using namespace angarium;
using namespace angarium::queue;
using namespace angarium::queue::test;

namespace {

const std::string kOctets = "Subject: for nobody\r\n\r\n" + std::string(150'000, 'x') + "\r\nthe end\r\n";

}  // namespace

TEST_CASE("a sealed message of the queue reads as it came, in pieces, also after a restart") {
  Sealed world;
  world.admit_sealed(kOctets);
  for (int i = 0; i < 2; ++i) {
    const Job job = world.job();
    const Entry& entry = *job.entry;
    CHECK(entry.body.length == keyring::sealed_size(kOctets.size()));
    CHECK(entry.body_length() == kOctets.size());
    CHECK(entry.octets() == entry.prepended.size() + kOctets.size());
    CHECK(*world.read(entry) == kOctets);
    for (const std::size_t at : {std::size_t{0}, std::size_t{65'536}, kOctets.size() - 9})
      CHECK(*world.read(entry, at, 65'536) == kOctets.substr(at, 65'536));
    CHECK(world.read(entry, kOctets.size())->empty());
    CHECK(world.body(entry).find("for nobody") == std::string::npos);
    world.queue->put_back(job);
    world.again();
  }
}

TEST_CASE("without the server's key a message waits in the queue, and is read when the key is back") {
  Sealed world;
  world.admit_sealed(kOctets);
  const std::string file = world.folder + "/keys/server.keys";
  std::filesystem::rename(file, world.folder + "/away");
  world.again();
  // The queue itself goes on without.
  const Job job = world.job();
  CHECK(world.read(*job.entry, 0, 10, store::Tier::memory).error().is(store::kWouldBlock));
  CHECK(world.read(*job.entry).error().is(keyring::kNoServerKey));
  CHECK(world.read(*job.entry).error().temporary());
  CHECK(world.run(world.body_keys->seal(keyring::Key::make())).error().temporary());
  CHECK(!std::filesystem::exists(file));
  std::string octets;
  CHECK(read_body(*world.tablet, nullptr, *job.entry, 0, 10, store::Tier::any, octets).error().temporary());
  std::filesystem::rename(world.folder + "/away", file);
  CHECK(*world.read(*job.entry) == kOctets);
}

TEST_CASE("the key of another body, or one that was changed, opens nothing") {
  Sealed world;
  world.admit_sealed(kOctets);
  const Job job = world.job();
  Entry other = *job.entry;
  other.sealed_key = world.must(world.body_keys->seal(keyring::Key::make()));
  CHECK(world.read(other).error().is(keyring::kNotOpened));
  for (std::size_t i = 0; i < other.sealed_key.octets.size(); ++i) {
    Entry changed = *job.entry;
    changed.sealed_key.octets[i] ^= 1;
    CHECK(!world.read(changed));
    changed.sealed_key.octets.resize(i);
    // Nothing at all is the sign of a body that is not sealed.
    if (i != 0) CHECK(!world.read(changed));
  }
}

TEST_CASE("records of sealed entries are version 2, those of others as they were") {
  Sealed world;
  Entry entry = world.entry();
  entry.body = {.segment = 1, .offset = 4096, .length = 100, .crc = 7};
  CHECK(encode(entry)[0] == 1);
  entry.sealed_key = world.must(world.body_keys->seal(keyring::Key::make()));
  const std::string record = encode(entry);
  CHECK(record[0] == 2);
  CHECK(*decode_entry(entry.id, record) == entry);
  std::size_t found = 0;
  Records().visit(entry_key(entry.id), record, [&](const store::BodyRef& ref) { found += ref == entry.body ? 1 : 0; });
  CHECK(found == 1);
  for (std::size_t i = 0; i < record.size(); ++i) CHECK(!decode_entry(entry.id, record.substr(0, i)));
  // No sealed body is shorter than its tag.
  entry.body.length = 15;
  CHECK(!decode_entry(entry.id, encode(entry)));
}
