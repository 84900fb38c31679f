#include "location/order.h"

#include "base/text.h"
#include "support/test.h"

namespace angarium::location {
namespace {

std::vector<Order> orders() {
  std::vector<Order> all{FindBoxes{},
                         MakeBox{"/a/b"},
                         RenameBox{"/a/b", "/a/c"},
                         RemoveBox{"/a"},
                         IsMissing{"/a"},
                         LookAtBox{"/a"},
                         OpenBoxOf{"/a"},
                         ReadMessage{1, 2},
                         WhenReceived{3, 4},
                         ChangeBox{},
                         ChangeBox{5, {1, 2, 3}, {{4, message::kBoxSeen}, {5, Flags{1} << 63}}, {"one", ""}}};
  NewMessage message{.octets = std::string("Subject: \0\r\n"sv), .flags = message::kBoxSeen, .received = {-5}};
  all.emplace_back(AddMessage{"/a", std::move(message)});
  return all;
}

std::vector<Reply> replies() {
  auto date = message::DateTime::at(WallTime::from_seconds(-1'000'000'000), -90);
  std::vector<Reply> all{Done{}, BoxesFound{}, BoxesFound{{{"INBOX", "/a"}, {"x/y", "/b"}}}, Missing{true}};
  all.emplace_back(BoxLooked{{.size = 1,
                              .inode = UINT64_MAX,
                              .identity = 3,
                              .written_ns = -4,
                              .named_ns = 5,
                              .table_inode = 6,
                              .table_ns = -7,
                              .numbered = true,
                              .settled = true,
                              .missing = true}});
  all.emplace_back(BoxOpened{
      .opening = 7, .all = 3, .messages = {{"a", message::kBoxSeen}, {"b", Flags{1} << 40}}, .names = {"", "two"}});
  all.emplace_back(MessageRead{"octets"});
  all.emplace_back(Received{});
  all.emplace_back(Received{date});
  date.zone_unknown = true;
  all.emplace_back(Received{date});
  all.emplace_back(MessageAdded{{"name", message::kBoxFlagged}});
  all.emplace_back(Refused{"why"});
  all.emplace_back(Refused{.words = "it is closed", .gone = true});
  return all;
}

}  // namespace

TEST_CASE("orders and replies are read back, and cut anywhere or with an octet more they are nothing") {
  for (const Order& order : orders()) {
    const std::string octets = encode(order);
    CAPTURE(to_hex(octets));
    const auto read = decode_order(octets);
    REQUIRE(read);
    CHECK(read->index() == order.index());
    CHECK(encode(*read) == octets);
    for (std::size_t size = 0; size < octets.size(); ++size) CHECK(!decode_order(octets.substr(0, size)));
    CHECK(!decode_order(octets + '\0'));
    CHECK(!decode_order("\x02" + octets.substr(1)));
  }
  for (const Reply& reply : replies()) {
    const std::string octets = encode(reply);
    CAPTURE(to_hex(octets));
    const auto read = decode_reply(octets);
    REQUIRE(read);
    CHECK(read->index() == reply.index());
    CHECK(encode(*read) == octets);
    for (std::size_t size = 0; size < octets.size(); ++size) CHECK(!decode_reply(octets.substr(0, size)));
    CHECK(!decode_reply(octets + '\0'));
  }
}

TEST_CASE("the parts of an order and a reply are what they were") {
  const auto change = std::get<ChangeBox>(decode_order(encode(orders()[10])).value());
  CHECK(change.opening == 5);
  CHECK(change.removed == std::vector<std::size_t>{1, 2, 3});
  CHECK(change.marked == OpenBox::Marks{{4, message::kBoxSeen}, {5, Flags{1} << 63}});
  CHECK(change.names == KeywordNames{"one", ""});
  CHECK(std::get<BoxOpened>(decode_reply(encode(replies()[5])).value()).names == KeywordNames{"", "two"});
  const auto add = std::get<AddMessage>(decode_order(encode(orders()[11])).value());
  CHECK(add.path == "/a");
  CHECK(add.message.octets == std::string("Subject: \0\r\n"sv));
  CHECK(add.message.received.microseconds == -5);
  const auto received = std::get<Received>(decode_reply(encode(replies()[8])).value());
  REQUIRE(received.date);
  CHECK(received.date->instant().seconds() == -1'000'000'000);
  CHECK(received.date->zone_minutes == -90);
}

TEST_CASE("limits of orders and replies: paths, names, messages, boxes; at each and one past it") {
  CHECK(decode_order(encode(MakeBox{std::string(kBoxPathMax, 'a')})));
  CHECK(!decode_order(encode(MakeBox{std::string(kBoxPathMax + 1, 'a')})));
  CHECK(decode_reply(encode(MessageAdded{{std::string(kNameOctetsMax, 'a'), 0}})));
  CHECK(!decode_reply(encode(MessageAdded{{std::string(kNameOctetsMax + 1, 'a'), 0}})));
  CHECK(decode_reply(encode(BoxOpened{.messages = std::vector<There>(kMessagesOfBoxMax, There{"a", 0})})));
  CHECK(!decode_reply(encode(BoxOpened{.messages = std::vector<There>(kMessagesOfBoxMax + 1, There{"a", 0})})));
  CHECK(decode_reply(encode(BoxOpened{.names = KeywordNames(box::kKeywordsMax, "a")})));
  CHECK(!decode_reply(encode(BoxOpened{.names = KeywordNames(box::kKeywordsMax + 1, "a")})));
  CHECK(decode_reply(encode(BoxOpened{.names = {std::string(kKeywordOctetsMax, 'a')}})));
  CHECK(!decode_reply(encode(BoxOpened{.names = {std::string(kKeywordOctetsMax + 1, 'a')}})));
  CHECK(decode_reply(encode(BoxesFound{std::vector<Found>(kBoxesMax, Found{"a", "/a"})})));
  CHECK(!decode_reply(encode(BoxesFound{std::vector<Found>(kBoxesMax + 1, Found{"a", "/a"})})));
  CHECK(decode_reply(encode(MessageRead{std::string(kMessageMax, 'x')})));
  CHECK(!decode_reply(encode(MessageRead{std::string(kMessageMax + 1, 'x')})));
  // A message of the largest size and the longest path are an order still.
  AddMessage largest{std::string(kBoxPathMax, 'a'), {.octets = std::string(kMessageMax, 'x'), .received = {}}};
  CHECK(encode(Order(largest)).size() <= kOrderMax);
  CHECK(decode_order(encode(Order(std::move(largest)))));
}

TEST_CASE("a date that no calendar of ours has is none") {
  CHECK(is_tellable(WallTime::from_seconds(0), 0));
  CHECK(is_tellable(WallTime::from_seconds(253'400'000'000), 1440));
  CHECK(!is_tellable(WallTime::from_seconds(253'400'000'001), 0));
  CHECK(is_tellable(WallTime::from_seconds(-30'000'000'000), -1440));
  CHECK(!is_tellable(WallTime::from_seconds(-30'000'000'001), 0));
  CHECK(!is_tellable(WallTime::from_seconds(0), 1441));
  CHECK(!is_tellable(WallTime::from_seconds(0), -1441));
  CHECK(!is_tellable({1}, 0));
}

}  // namespace angarium::location
