#include "base/counters.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "base/random.h"
#include "base/result.h"
#include "base/size.h"
#include "base/text.h"
#include "base/time.h"
#include "base/time_text.h"
#include "support/test.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <set>

using namespace angarium;

namespace {
constexpr ErrorKind kTestKind{"test.kind", Fault::user, Lasting::permanent};
Result<int> half(int n) {
  if (n % 2 != 0) return fail(kTestKind, "odd");
  return n / 2;
}
Result<int> quarter(int n) {
  const int first = TRY(half(n));
  return TRY(half(first));
}
TEST_CASE("sizes for people are rounded to what they show, across units too") {
  CHECK(size_of(0) == "0 B");
  CHECK(size_of(1023) == "1023 B");
  CHECK(size_of(1024) == "1.0 KiB");
  CHECK(size_of(1536) == "1.5 KiB");
  CHECK(size_of(10 * 1024 - 52) == "9.9 KiB");
  CHECK(size_of(10 * 1024 - 51) == "10 KiB");
  CHECK(size_of(1024 * 1024 - 513) == "1023 KiB");
  CHECK(size_of(1024 * 1024 - 512) == "1.0 MiB");
  CHECK(size_of(std::uint64_t{5} << 30) == "5.0 GiB");
  CHECK(size_of((std::uint64_t{1} << 40) - 1) == "1.0 TiB");
  CHECK(size_of(std::uint64_t{2000} << 40) == "2000 TiB");
  CHECK(size_of(UINT64_MAX) == "16777216 TiB");
}

}  // namespace

TEST_CASE("TRY gives the value or returns the error with its kind") {
  CHECK(quarter(12).value() == 3);
  auto odd = quarter(6);
  REQUIRE(!odd);
  CHECK(odd.error().is(kTestKind));
  CHECK(!odd.error().is(kBroken));
  CHECK(odd.error().text() == "odd");
}

TEST_CASE("RFC 3720 B.4: CRC-32C test values") {
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AA);
  CHECK(crc32c(std::string(32, '\xFF')) == 0x62A8AB43);
  std::string rising(32, '\0');
  for (int i = 0; i < 32; ++i) rising[static_cast<std::size_t>(i)] = static_cast<char>(i);
  CHECK(crc32c(rising) == 0x46DD794E);
  for (std::size_t cut = 0; cut <= rising.size(); ++cut)
    CHECK(crc32c(std::string_view(rising).substr(cut), crc32c(std::string_view(rising).substr(0, cut))) == 0x46DD794E);
}

TEST_CASE("CRC-32C: however long the octets and wherever they are cut, it is what one bit after the other makes") {
  SeededRandom random(7);
  std::string octets(20'000, '\0');
  random.fill(octets.data(), octets.size());
  std::uint32_t crc = ~0u;
  std::size_t checked = 0;
  for (std::size_t size = 0; size <= octets.size(); ++size) {
    // The lengths around each whole number of blocks and lanes, and some between.
    if (size % 1024 < 18 || size % 1024 > 1006 || size % 97 == 0) {
      const std::string_view some = std::string_view(octets).substr(0, size);
      REQUIRE(crc32c(some) == ~crc);
      const std::size_t cut = size == 0 ? 0 : random.below(size + 1);
      REQUIRE(crc32c(some.substr(cut), crc32c(some.substr(0, cut))) == ~crc);
      ++checked;
    }
    if (size == octets.size()) break;
    crc ^= static_cast<unsigned char>(octets[size]);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82F63B78 : crc >> 1;
  }
  CHECK(checked > 700);
}

TEST_CASE("RFC 4648 section 10: base64 test vectors both ways, strict") {
  const std::array<std::pair<std::string_view, std::string_view>, 7> vectors = {{{"", ""},
                                                                                 {"f", "Zg=="},
                                                                                 {"fo", "Zm8="},
                                                                                 {"foo", "Zm9v"},
                                                                                 {"foob", "Zm9vYg=="},
                                                                                 {"fooba", "Zm9vYmE="},
                                                                                 {"foobar", "Zm9vYmFy"}}};
  for (auto [plain, encoded] : vectors) {
    CHECK(to_base64(plain) == encoded);
    CHECK(from_base64(encoded) == plain);
  }
  for (std::string_view bad : {"Zg=", "Zg", "Zh==", "=", "====", "Z===", "Zg==Zg==", "Zm9\n", " Zm9"})
    CHECK_MESSAGE(!from_base64(bad), bad);
}

TEST_CASE("RFC 3629: surrogates, overlong forms and what is past U+10FFFF are not UTF-8") {
  for (std::string_view good :
       {"", "ascii only and long enough", "\xC2\x80", "\xE0\xA0\x80", "\xEF\xBF\xBF", "\xF4\x8F\xBF\xBF"})
    CHECK(valid_utf8(good));
  for (std::string_view bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                               "\xF5\x80\x80\x80", "\xC2", "\xE1\x80", "12345678\xFF"})
    CHECK(!valid_utf8(bad));
}

TEST_CASE("controls and ill-formed octets are escaped for logs") {
  CHECK(escape_controls("a\r\nb") == "a\\x0d\\x0ab");
  CHECK(escape_controls("\x1b[31m") == "\\x1b[31m");
  CHECK(escape_controls("\xC2\x9B") == "\\xc2\\x9b");
  CHECK(escape_controls("gr\xC3\xBC\xC3\x9F") == "gr\xC3\xBC\xC3\x9F");
  CHECK(escape_controls("\xFF\\") == "\\xff\\x5c");
  CHECK(escape_controls(std::string(20, 'x'), 10) == "xxxxxxxxxx...");
}

TEST_CASE("numbers: whole, unsigned, in range") {
  CHECK(parse_number<std::uint32_t>("4294967295") == 4294967295U);
  for (std::string_view bad : {"4294967296", "", "-1", "+1", " 1", "1 ", "0x1"})
    CHECK_MESSAGE(!parse_number<std::uint32_t>(bad), bad);
}

TEST_CASE("comparison without case touches ASCII only") {
  CHECK(equals_ignore_case("INBOX", "inbox"));
  CHECK(!equals_ignore_case("\xC3\x84", "\xC3\xA4"));
  CHECK(!equals_ignore_case("@", "`"));
  CHECK(LessIgnoreCase{}("a", "B"));
  CHECK(!LessIgnoreCase{}("B", "a"));
}

TEST_CASE("hex both ways") {
  CHECK(to_hex("\x00\xff"sv) == "00ff");
  CHECK(from_hex("00FF") == "\x00\xff"sv);
  CHECK(!from_hex("0"));
  CHECK(!from_hex("0g"));
}

TEST_CASE("constant-time comparison compares") {
  CHECK(equal_constant_time("secret", "secret"));
  CHECK(!equal_constant_time("secret", "secreT"));
  CHECK(!equal_constant_time("secret", "secre"));
}

TEST_CASE("a seed repeats itself and the kernel does not") {
  SeededRandom a(7);
  SeededRandom b(7);
  CHECK(a.octets(33) == b.octets(33));
  std::set<std::string> all;
  for (int i = 0; i < 500; ++i)
    for (const std::size_t length : {8, 16, 63, 64, 65}) all.insert(system_random().octets(length));
  CHECK(all.size() == 2500);
}

TEST_CASE("a log line holds no raw control octet, whatever the field") {
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  log::configure(log::make_sink(ends[1], log::Format::text), log::Level::info);
  log::info("test", "line", {{"field", "a\nb c"}, {"quote", "x\"y"}});
  log::configure(log::make_sink(ends[1], log::Format::json), log::Level::info);
  log::info("test", "line", {{"field", "a\nb"}});
  log::write(log::Level::debug, "test", "not written");
  log::configure(nullptr, log::Level::info);
  std::array<char, 4096> buffer{};
  const ssize_t got = read(ends[0], buffer.data(), buffer.size());
  const std::string text(buffer.data(), static_cast<std::size_t>(got));
  CHECK(text.find("info test: line field=\"a\\x0ab c\" quote=\"x\\\"y\"\n") != std::string::npos);
  CHECK(text.find("\"field\":\"a\\\\x0ab\"}\n") != std::string::npos);
  CHECK(text.find("not written") == std::string::npos);
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("held lines wait for write_now, a warning takes them along, and the order stays") {
  std::array<int, 2> ends{};
  REQUIRE(pipe2(ends.data(), O_NONBLOCK) == 0);
  log::configure(log::make_sink(ends[1], log::Format::text), log::Level::info);
  const auto written = [&] {
    std::array<char, 32768> buffer{};
    const ssize_t got = read(ends[0], buffer.data(), buffer.size());
    return std::string(buffer.data(), got < 0 ? 0 : static_cast<std::size_t>(got));
  };
  {
    log::Held held;
    log::info("test", "one");
    CHECK(written().empty());
    held.write_now();
    CHECK(written().ends_with("info test: one\n"));
    log::info("test", "two");
    log::warning("test", "three");
    const std::string both = written();
    CHECK(both.find("info test: two\n") < both.find("warning test: three\n"));
    CHECK(both.ends_with("warning test: three\n"));
    log::info("test", std::string(1000, 'x'));
    CHECK(written().empty());
    for (int i = 0; i < 16; ++i) log::info("test", std::string(1000, 'x'));
    CHECK(!written().empty());  // no more than that is held
    log::info("test", "last");
  }
  CHECK(written().ends_with("info test: last\n"));
  log::info("test", "free");
  CHECK(written().ends_with("info test: free\n"));
  log::configure(nullptr, log::Level::info);
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("counters appear on the page by name and labels") {
  static Counter one("angarium_test_total", "A test.", CounterKind::counter, "kind=\"one\"");
  one.add(3);
  CHECK(counters_page().find("# TYPE angarium_test_total counter\nangarium_test_total{kind=\"one\"} 3\n") !=
        std::string::npos);
}

TEST_CASE("the wall clock may jump, the monotonic one may not") {
  ManualClock clock;
  const Moment before = clock.now();
  const WallTime wall = clock.wall();
  clock.jump(std::chrono::hours(-5));
  CHECK(clock.now() == before);
  CHECK(clock.wall() < wall);
  CHECK(WallTime{-1}.seconds() == -1);
  CHECK(to_rfc3339(WallTime{0}) == "1970-01-01T00:00:00.000000Z");
  CHECK(to_rfc3339(WallTime{-1}) == "1969-12-31T23:59:59.999999Z");
  CHECK(to_rfc3339(WallTime{1'700'000'000'000'007}) == "2023-11-14T22:13:20.000007Z");
}

TEST_CASE("a time that was printed is read again, in the host's zone or in universal time") {
  struct Zone {
    explicit Zone(const char* name) {
      setenv("TZ", name, 1);
      tzset();
    }
    ~Zone() {
      unsetenv("TZ");
      tzset();
    }
  };
  for (const char* const zone : {"UTC", "Europe/Berlin", "America/St_Johns"}) {
    CAPTURE(zone);
    const Zone here(zone);
    for (const std::int64_t at : {1'700'000'000'120'000, 1'784'000'000'999'000, 951'782'400'000'000}) {
      CHECK(parse_time(to_local_text(WallTime{at})) == WallTime{at});
      CHECK(parse_time(to_rfc3339(WallTime{at + 7})) == WallTime{at + 7});
    }
  }
  const Zone here("<+02>-2");
  CHECK(to_local_text(WallTime{1'700'000'000'120'999}) == "2023-11-15 00:13:20.120");
  for (const char* const text : {"2023-11-15 00:13:20", "2023-11-15T00:13:20", "2023-11-15 00:13:20.0000000",
                                 "2023-11-14T22:13:20Z", "2023-11-14 22:13:20.0z"})
    CHECK_MESSAGE(parse_time(text).value_or(WallTime{}).microseconds == 1'700'000'000'000'000, text);
  CHECK(parse_time("2023-11-15 00:13") == WallTime{1'699'999'980'000'000});
  CHECK(parse_time("2023-11-15") == WallTime{1'699'999'200'000'000});
  for (const char* const bad :
       {"", "2023", "2023-11", "2023-13-01", "2023-02-29", "2023-11-15 ", "2023-11-15 24:00", "2023-11-15 12:60",
        "2023-11-15 12:00:60", "2023-11-15 12:00:00.", "2023-11-15 12:00:00.Z", "2023-11-15Z", "2023-11-15 12:00 x",
        "2023-11-15 12", "2h", "+023-11-15", "2023-11-15 12:00:00,5"})
    CHECK_MESSAGE(!parse_time(bad), bad);
}

TEST_CASE("RFC 3339 5.6: date-time with its zone, and nothing else") {
  for (const std::string_view text : {"2023-11-14T22:13:20Z", "2023-11-14t22:13:20z", "2023-11-14T22:13:20.000Z",
                                      "2023-11-15T03:43:20+05:30", "2023-11-14T14:13:20-08:00"})
    CHECK_MESSAGE(parse_rfc3339(text).value_or(WallTime{}).microseconds == 1'700'000'000'000'000, text);
  for (const std::string_view text :
       {"", "2023-11-14T22:13:20", "2023-11-14 22:13:20Z", "2023-11-14T22:13Z", "2023-11-31T22:13:20Z",
        "2023-11-14T22:13:20+0530", "2023-11-14T22:13:20+05:60", "2023-11-14T22:13:20Z ", "2023-11-14T22:13:20.Z",
        "2023-11-14T24:13:20Z", "x023-11-14T22:13:20Z", "2023-11-14T22:13:20*05:30"})
    CHECK_MESSAGE(!parse_rfc3339(text), text);
}
