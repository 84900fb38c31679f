#include "message/maildir_name.h"

#include "support/test.h"

using namespace angarium;
using namespace angarium::message;

namespace {

constexpr std::string_view kDovecot = "1204680122.M27908P1Q2.host.example.org,S=1234,W=1260:2,FSabz";

}  // namespace

TEST_CASE("a name is taken apart into base, sizes, flags and keywords") {
  const MaildirName name = parse_maildir_name(kDovecot).value();
  CHECK(name.base == "1204680122.M27908P1Q2.host.example.org,S=1234,W=1260");
  CHECK(name.size == 1234);
  CHECK(name.virtual_size == 1260);
  CHECK(name.flags == (kBoxFlagged | kBoxSeen));
  CHECK(name.keywords == "abz");
  CHECK(name.other_info.empty());
}

TEST_CASE("what is written is read: all flags in ASCII order, keywords behind them") {
  for (unsigned bits = 0; bits < 64; ++bits) {
    const auto flags = static_cast<BoxFlags>(bits);
    const std::string text = format_maildir_name("1.2.h,S=5", flags, "zca");
    const MaildirName name = parse_maildir_name(text).value();
    CHECK(name.base == "1.2.h,S=5");
    CHECK(name.flags == flags);
    CHECK(name.keywords == "acz");
  }
  CHECK(format_maildir_name("b", 63) == "b:2,DFPRST");
  CHECK(format_maildir_name("b", 0) == "b:2,");
  // It is the folder that says whether a message was seen in a list.
  CHECK(format_maildir_name("b", kBoxOld) == "b:2,");
  CHECK(format_maildir_name("b", 0, "aAa1b") == "b:2,ab");
}

TEST_CASE("each letter means its flag, in any order, and unknown ones nothing") {
  CHECK(parse_maildir_name("b:2,P").value().flags == kBoxPassed);
  CHECK(parse_maildir_name("b:2,R").value().flags == kBoxAnswered);
  CHECK(parse_maildir_name("b:2,S").value().flags == kBoxSeen);
  CHECK(parse_maildir_name("b:2,T").value().flags == kBoxDeleted);
  CHECK(parse_maildir_name("b:2,D").value().flags == kBoxDraft);
  CHECK(parse_maildir_name("b:2,F").value().flags == kBoxFlagged);
  CHECK(parse_maildir_name("b:2,TS").value().flags == (kBoxSeen | kBoxDeleted));
  CHECK(parse_maildir_name("b:2,XS9").value().flags == kBoxSeen);
}

TEST_CASE("a message of the folder new has no info, and info of other kinds says nothing") {
  CHECK(parse_maildir_name("1.2.host").value().base == "1.2.host");
  CHECK(parse_maildir_name("1.2.host").value().flags == 0);
  CHECK(parse_maildir_name("1.2.host:1,S").value().flags == 0);
  CHECK(parse_maildir_name("1.2.host:1,S").value().other_info == "1,S");
  CHECK(parse_maildir_name("1.2.host:2,S,x=T").value().flags == kBoxSeen);
  CHECK(parse_maildir_name("1.2.host:2,S,x=T").value().other_info == "x=T");
}

TEST_CASE("sizes are numbers behind commas before the info, and nothing else") {
  CHECK_FALSE(parse_maildir_name("S=5").value().size);
  CHECK_FALSE(parse_maildir_name("b,S=").value().size);
  CHECK_FALSE(parse_maildir_name("b,S=5x").value().size);
  CHECK_FALSE(parse_maildir_name("b,S=-5").value().size);
  CHECK_FALSE(parse_maildir_name("b,S=18446744073709551616").value().size);
  CHECK(parse_maildir_name("b,S=18446744073709551615").value().size == UINT64_MAX);
  CHECK_FALSE(parse_maildir_name("b:2,S,S=5").value().size);
  CHECK(parse_maildir_name("b,U=7,W=9").value().virtual_size == 9);
}

TEST_CASE("what cannot be a message is none") {
  CHECK_FALSE(parse_maildir_name(""));
  CHECK_FALSE(parse_maildir_name(".hidden"));
  CHECK_FALSE(parse_maildir_name(":2,S"));
  CHECK_FALSE(parse_maildir_name("a/b"));
  CHECK_FALSE(parse_maildir_name(std::string_view("a\0b", 3)));
  CHECK(parse_maildir_name(std::string(kMaildirNameMax, 'a')));
  CHECK_FALSE(parse_maildir_name(std::string(kMaildirNameMax + 1, 'a')));
}

TEST_CASE("a new base name holds time, process, count, chance, host and sizes") {
  const MaildirUnique unique{.time = {1'204'680'122'027'908},
                             .process = 11,
                             .delivery = 2,
                             .random = 0xdeadbeef,
                             .host = "a/b:c d,e",
                             .size = 1234,
                             .virtual_size = 1260};
  const std::string base = make_maildir_base(unique);
  CHECK(base == "1204680122.M27908P11Q2R00000000deadbeef.a\\057b\\072c_d_e,S=1234,W=1260");
  CHECK(parse_maildir_name(base).value().base == base);
  CHECK(parse_maildir_name(base).value().size == 1234);
}

TEST_CASE("a long host is cut so that every flag still fits the name") {
  const std::string host(1000, 'h');
  const MaildirUnique unique{.time = {INT64_MAX},
                             .process = UINT64_MAX,
                             .delivery = UINT64_MAX,
                             .random = UINT64_MAX,
                             .host = host,
                             .size = UINT64_MAX,
                             .virtual_size = UINT64_MAX};
  const std::string base = make_maildir_base(unique);
  const std::string name = format_maildir_name(base, 63, "abcdefghijklmnopqrstuvwxyz");
  CHECK(name.size() == kMaildirNameMax);
  CHECK(parse_maildir_name(name).value().virtual_size == UINT64_MAX);
}
