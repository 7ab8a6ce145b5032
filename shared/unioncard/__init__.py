"""What every service of the member service card platform (上海工会会员服务卡) needs and none owns."""
