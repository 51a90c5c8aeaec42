// Answers CloudFormation for a custom resource.
const https = require("https");

exports.SUCCESS = "SUCCESS";
exports.FAILED = "FAILED";

exports.send = (event, context, responseStatus, responseData, physicalResourceId, noEcho) =>
  new Promise((resolve) => {
    const body = JSON.stringify({
      Status: responseStatus,
      Reason: `Details are in the log stream ${context.logStreamName}`,
      PhysicalResourceId: physicalResourceId || context.logStreamName,
      StackId: event.StackId,
      RequestId: event.RequestId,
      LogicalResourceId: event.LogicalResourceId,
      NoEcho: noEcho || false,
      Data: responseData,
    });
    const end = (text) => {
      console.log(text);
      if (context.done) context.done();
      resolve();
    };
    // The signature of the URL is for a request without a content type.
    const headers = { "content-type": "", "content-length": Buffer.byteLength(body) };
    const request = https.request(event.ResponseURL, { method: "PUT", headers }, (response) => {
      response.resume();
      end(`CloudFormation got ${responseStatus}: HTTP status ${response.statusCode}`);
    });
    request.on("error", (error) => end(`failed to send ${responseStatus} to CloudFormation: ${error.message}`));
    request.end(body);
  });
