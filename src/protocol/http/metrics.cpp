#include "protocol/http/metrics.h"

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <optional>

#include "base/counters.h"
#include "io/loop.h"
#include "wire/framing/input.h"

namespace angarium::protocol::http {
namespace {

namespace beast = boost::beast::http;

/// A whole response; every one closes the connection.
std::string response(std::string_view status, std::string_view type, std::string_view body, bool head_only) {
  std::string text = "HTTP/1.1 ";
  text += status;
  text += "\r\nContent-Type: ";
  text += type;
  text += "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n";
  if (!head_only) text += body;
  return text;
}

std::string answer(const beast::request<beast::empty_body>& request) {
  const bool head = request.method() == beast::verb::head;
  if (!head && request.method() != beast::verb::get)
    return response("405 Method Not Allowed", "text/plain", "Use GET.\r\n", false);
  if (request.target() != "/metrics") return response("404 Not Found", "text/plain", "The page is /metrics.\r\n", head);
  return response("200 OK", "text/plain; version=0.0.4; charset=utf-8", counters_page(), head);
}

}  // namespace

io::Task<> serve_metrics(wire::Connection& connection) {
  connection.set_deadline(io::Loop::current().now() + kPatience);
  wire::Input input;
  beast::request_parser<beast::empty_body> parser;
  parser.header_limit(kHeadMax);
  std::string reply;
  while (reply.empty()) {
    boost::system::error_code error;
    const std::size_t used = parser.put(boost::asio::buffer(input.view().data(), input.view().size()), error);
    input.consume(used);
    if (error && error != beast::error::need_more) {
      reply = response("400 Bad Request", "text/plain", "That is no HTTP request.\r\n", false);
    } else if (parser.is_header_done()) {
      reply = answer(parser.get());
    } else if (!co_await input.more(connection)) {
      co_return;
    }
  }
  // Who does not read its answer has had its chance.
  (void)co_await io::write_all(connection, reply);
  (void)connection.shutdown_write();
}

}  // namespace angarium::protocol::http
