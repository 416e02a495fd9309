#include "plugin/metrics_endpoint.h"

#include "base/event_loop.h"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <chrono>
#include <optional>
#include <utility>

#include "bip/listener.h"

namespace plugin {

namespace {

namespace http = boost::beast::http;
using boost::beast::tcp_stream;
using boost::system::error_code;

constexpr auto kDeadline = std::chrono::seconds(5);
constexpr std::size_t kMostConnections = 64;
constexpr std::uint32_t kLargestHead = 8 * 1024;

// One request and its answer.
class Scrape : public std::enable_shared_from_this<Scrape> {
 public:
  Scrape(boost::asio::ip::tcp::socket&& socket, const MetricsEndpoint::Source& source,
         std::function<void()> ended)
      : stream_(std::move(socket)), source_(source), ended_(std::move(ended)) {
    parser_.header_limit(kLargestHead);
    parser_.body_limit(0);
  }
  Scrape(const Scrape&) = delete;
  Scrape& operator=(const Scrape&) = delete;
  ~Scrape() { ended_(); }

  void begin() {
    stream_.expires_after(kDeadline);
    http::async_read_header(stream_, buffer_, parser_,
                            [self = shared_from_this()](const error_code& error, std::size_t) {
                              if (!error) self->answer();
                            });
  }

 private:
  void answer() {
    const auto& request = parser_.get();
    const bool reads = request.method() == http::verb::get || request.method() == http::verb::head;
    const auto target = request.target();
    const bool found = target == "/metrics" || target == "/metrics/";
    response_.version(11);
    response_.keep_alive(false);
    response_.result(!reads   ? http::status::method_not_allowed
                     : !found ? http::status::not_found
                              : http::status::ok);
    response_.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
    if (!reads) response_.set(http::field::allow, "GET, HEAD");
    if (reads && found) {
      response_.body() = source_();
    } else {
      response_.body() = "GET /metrics\n";
    }
    response_.prepare_payload();
    if (request.method() == http::verb::head) response_.body().clear();
    http::async_write(
        stream_, response_, [self = shared_from_this()](const error_code&, std::size_t) {
          error_code ignored;
          self->stream_.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
        });
  }

  tcp_stream stream_;
  const MetricsEndpoint::Source& source_;
  std::function<void()> ended_;
  boost::beast::flat_buffer buffer_;
  http::request_parser<http::empty_body> parser_;
  http::response<http::string_body> response_;
};

}  // namespace

class MetricsEndpoint::Impl {
 public:
  Impl(Source source, base::Log& log)
      : source_(std::move(source)),
        log_(log),
        listener_(loop_.context(),
                  {[this](int descriptor, const bip::Address&) { take(descriptor); },
                   [this] { return connections_ < kMostConnections; }, [](bip::Fault) {}}) {}
  ~Impl() {
    loop_.stop();
    stopping_ = true;  // behind the loop's thread, which reads it: no listener from here on
  }

  base::Status start(const std::string& address) {
    if (base::Status opened = listener_.open(address); !opened) return opened;
    listener_.start();
    if (!loop_.start("bv-metrics")) return base::Error{"the system gives no thread"};
    log_.info("metrics.listening", base::cat("metrics on TCP port ", listener_.port()));
    return {};
  }
  std::uint16_t port() const { return listener_.port(); }

 private:
  void take(int descriptor) {
    boost::asio::ip::tcp::socket socket(loop_.context());
    error_code error;
    socket.assign(boost::asio::ip::tcp::v4(), descriptor, error);
    if (error) return;
    ++connections_;
    std::make_shared<Scrape>(std::move(socket), source_, [this] {
      --connections_;
      if (!stopping_) listener_.resume();
    })->begin();
  }

  const Source source_;
  base::Log& log_;
  bool stopping_ = false;
  std::size_t connections_ = 0;  // loop thread
  base::EventLoop loop_;         // behind what its handlers use
  bip::Listener listener_;
};

MetricsEndpoint::MetricsEndpoint(Source source, base::Log& log)
    : impl_(std::make_unique<Impl>(std::move(source), log)) {}
MetricsEndpoint::~MetricsEndpoint() = default;
base::Status MetricsEndpoint::start(const std::string& address) { return impl_->start(address); }
void MetricsEndpoint::stop() { impl_.reset(); }
std::uint16_t MetricsEndpoint::port() const { return impl_ ? impl_->port() : 0; }

}  // namespace plugin
