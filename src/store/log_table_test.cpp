#include "store/log_table.h"

#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "base/crc32c.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::store;

namespace {

std::string sealed(const std::string& body) { return fmt::format("{}crc {:08x}\n", body, crc32c(body)); }

}  // namespace

TEST_CASE("a table is read as it was written, also where the clock stood before 1970") {
  for (const std::int64_t time : {INT64_MIN, std::int64_t{-1}, std::int64_t{0}, INT64_MAX}) {
    Table table;
    table.tablet = UINT64_MAX;
    table.next = 7;
    Segment& segment = table.segments[3];
    segment.number = 3;
    segment.first = UINT64_MAX;
    segment.created = time;
    segment.since = time;
    const auto read = Table::decode(table.encode());
    REQUIRE(read);
    CHECK(read->tablet == table.tablet);
    CHECK(read->next == table.next);
    CHECK(read->segments == table.segments);
  }
}

TEST_CASE("a table with a cold segment is one of version 2, and tells what its bodies were") {
  Table table;
  table.tablet = 5;
  table.next = 3;
  table.segments[1] = {.number = 1, .kind = SegmentKind::cold, .phase = Phase::sealed, .size = 10, .unpacked = 30};
  table.segments[2] = {.number = 2, .kind = SegmentKind::bodies, .phase = Phase::sealed, .size = 20};
  CHECK(table.encode().starts_with("angarium-store 2\n"));
  CHECK(Table::decode(table.encode())->segments == table.segments);
  Table later = Table::decode(table.encode()).value();
  later.segments.erase(1);
  CHECK(later.encode().starts_with("angarium-store 2\n"));  // relocations may still have the form of version 2
  CHECK(Table::decode(later.encode())->had_cold);
  table.segments.erase(1);
  CHECK(table.encode().starts_with("angarium-store 1\n"));
  CHECK(!Table::decode(table.encode())->had_cold);
  const std::string begin = "angarium-store 2\ntablet 5 3\n";
  CHECK(Table::decode(sealed(begin + "segment 1 cold sealed 4 0 0 0 0 9 0 0 0 0\n")));
  CHECK(Table::decode(sealed(begin + "segment 1 cold sealed 4 0 0 0 0 9 0 0 0 0 7 7\n")).error().is(kDamaged));
  CHECK(Table::decode(sealed(begin + "segment 1 bodies sealed 4 0 0 0 0 9 0 0 0 0 7\n")).error().is(kDamaged));
}

TEST_CASE("numbers that do not fit make no table") {
  const std::string begin = "angarium-store 1\ntablet 5 2\n";
  CHECK(Table::decode(sealed(begin + "segment 0 log open 4 0 0 0 0 0 0 0 9223372036854775807\n")));
  for (const char* const last : {"9223372036854775808", "18446744073709551615", "-9223372036854775809", "+1", "", "1x"})
    CHECK(Table::decode(sealed(begin + "segment 0 log open 4 0 0 0 0 0 0 0 " + last + "\n")).error().is(kDamaged));
  for (const char* const line : {"tablet 18446744073709551616 2\n", "tablet 5 4294967296\n", "tablet -1 2\n"})
    CHECK(Table::decode(sealed(std::string("angarium-store 1\n") + line)).error().is(kDamaged));
}
