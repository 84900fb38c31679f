// Delivered-To fields as they stream by.
#include "agent/delivered_to.h"

#include "support/test.h"

namespace angarium::agent {
namespace {

using Addresses = std::vector<std::string>;

Addresses fed(std::string_view message, std::size_t cut) {
  DeliveredTo seen;
  seen.feed(message.substr(0, cut));
  seen.feed(message.substr(std::min(cut, message.size())));
  return seen.addresses();
}

}  // namespace

TEST_CASE("the addresses of all Delivered-To fields of the header, wherever the pieces are cut") {
  const std::string_view message =
      "Delivered-To: a@x.test\r\nReceived: by y\r\n\tDelivered-To: no@x.test\r\ndelivered-TO :  b@x.test \r\n"
      "Delivered-To-Not: c@x.test\r\nDelivered: d@x.test\r\nX-Delivered-To: e@x.test\r\n\r\nDelivered-To: f@x.test\r\n";
  for (std::size_t cut = 0; cut <= message.size(); ++cut) {
    CAPTURE(cut);
    CHECK(fed(message, cut) == Addresses{"a@x.test", "b@x.test"});
  }
}

TEST_CASE("limits of Delivered-To: a hundred fields, a thousand octets of a line") {
  std::string many;
  for (std::size_t i = 0; i <= kDeliveredToMax; ++i) many += "Delivered-To: a@x.test\r\n";
  CHECK(fed(many, 5).size() == kDeliveredToMax);
  const std::string name = "Delivered-To: ";
  CHECK(fed(name + std::string(kDeliveredToLineMax, 'x') + "\r\n", 7).front().size() ==
        kDeliveredToLineMax - name.size());
  CHECK(fed("\n" + name + "a@x.test\r\n", 1).empty());
}

}  // namespace angarium::agent
